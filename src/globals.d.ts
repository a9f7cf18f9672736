/**
 * The few globals that Node, browsers and workers all have and that the pure
 * folders may use; with them those folders compile with neither DOM nor Node types.
 */
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: Uint8Array): string
}
declare class URL {
  constructor(url: string, base?: string)
  readonly protocol: string
  readonly hostname: string
  readonly host: string
  readonly pathname: string
  readonly search: string
  readonly username: string
  readonly password: string
  readonly href: string
}
