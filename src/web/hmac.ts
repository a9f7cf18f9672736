/** HMAC-SHA-256 of a text in hexadecimal: names something to who has the secret, and to nobody else. */
export async function hmac(secret: Uint8Array<ArrayBuffer>, text: string): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign'])
  const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text))
  return new Uint8Array(mac).toHex()
}
