import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { createDetachedVerifier, verifyDetached } from './detached.ts'
import { gpgMissing, openGpg } from './gpg.suite.ts'
import { generateSigningKey, signDetached } from './keys.ts'
import { parsePublicKey } from './public-key.ts'

const DATA = randomBytes(300_000)

function code(expected: string) {
  return (error: unknown) => isQalError(error) && error.code === expected
}

describe('when gpg signed', { skip: gpgMissing() }, () => {
  let box: ReturnType<typeof openGpg>
  const keys = new Map<string, { fingerprint: string; armored: string; binary: Uint8Array }>()
  before(() => {
    box = openGpg()
    for (const [owner, algorithm] of [
      ['ed', 'ed25519'],
      ['rsa', 'rsa3072'],
      ['nist', 'nistp256'],
      ['weak', 'rsa1024'],
      ['dsa', 'dsa2048'],
    ] as const) {
      const fingerprint = box.key(`${owner} <${owner}@example.org>`, algorithm)
      keys.set(owner, {
        fingerprint,
        armored: box.gpg(['--armor', '--export', fingerprint]).toString(),
        binary: box.gpg(['--export', fingerprint]),
      })
    }
  })
  after(() => box.close())

  function keyOf(owner: string) {
    const key = keys.get(owner)
    assert.ok(key)
    return key
  }
  function sign(owner: string, data: Uint8Array, flags: string[] = []): Buffer {
    return box.gpg(['--local-user', keyOf(owner).fingerprint, ...flags, '--detach-sign'], data)
  }

  for (const owner of ['ed', 'rsa', 'nist'])
    for (const armor of [true, false])
      for (const publicKey of ['armored', 'binary'] as const)
        it(`says good: ${owner}, signature ${armor ? 'armored' : 'binary'}, key ${publicKey}`, async () => {
          const key = keyOf(owner)
          const signature = sign(owner, DATA, armor ? ['--armor'] : [])
          const result = await verifyDetached({ signature, data: DATA, publicKey: key[publicKey] })
          assert.equal(result.state, 'good', result.message)
          assert.equal(result.fingerprint, key.fingerprint)
          assert.ok(Math.abs(Date.parse(result.signed_at ?? '') - Date.now()) < 120_000)
          const text = await verifyDetached({
            signature: armor ? signature.toString() : signature,
            data: streamed(DATA),
            publicKey: key.armored,
          })
          assert.equal(text.state, 'good', text.message)
        })

  it('agrees with gpg about the key', async () => {
    const info = await parsePublicKey(keyOf('rsa').armored)
    assert.equal(info.fingerprint, keyOf('rsa').fingerprint)
    assert.equal(info.algorithm, 'rsa3072')
    assert.equal(info.revoked, false)
    assert.equal(info.expires, undefined)
    assert.deepEqual(info.user_ids, ['rsa <rsa@example.org>'])
    assert.equal((await parsePublicKey(keyOf('ed').binary)).algorithm, 'ed25519')
  })

  for (const algorithm of ['SHA1', 'RIPEMD160', 'SHA224'])
    it(`says weak for the digest ${algorithm}`, async () => {
      const signature = sign('rsa', DATA, ['--digest-algo', algorithm, '--allow-weak-digest-algos'])
      const result = await verifyDetached({ signature, data: DATA, publicKey: keyOf('rsa').armored })
      assert.equal(result.state, 'weak')
      assert.match(result.message, /weak digest/)
    })

  it('says good for SHA-256 and SHA-384', async () => {
    for (const algorithm of ['SHA256', 'SHA384']) {
      const signature = sign('rsa', DATA, ['--digest-algo', algorithm])
      const result = await verifyDetached({ signature, data: DATA, publicKey: keyOf('rsa').armored })
      assert.equal(result.state, 'good', result.message)
    }
  })

  for (const owner of ['weak', 'dsa']) {
    it(`says weak for a ${owner} key, and refuses to take it`, async () => {
      const result = await verifyDetached({
        signature: sign(owner, DATA),
        data: DATA,
        publicKey: keyOf(owner).armored,
      })
      assert.equal(result.state, 'weak')
      assert.match(result.message, /key is too weak/)
      await assert.rejects(parsePublicKey(keyOf(owner).armored), code('sign_key_weak'))
    })
  }

  it('says weak for a signature in text mode', async () => {
    const signature = sign('ed', DATA, ['--textmode'])
    const result = await verifyDetached({ signature, data: DATA, publicKey: keyOf('ed').armored })
    assert.equal(result.state, 'weak')
    assert.match(result.message, /text mode/)
  })

  it('says bad for another file', async () => {
    const other = DATA.with(1234, DATA[1234] === 0 ? 1 : 0)
    for (const data of [other, DATA.subarray(1), new Uint8Array()]) {
      const result = await verifyDetached({
        signature: sign('ed', DATA),
        data,
        publicKey: keyOf('ed').armored,
      })
      assert.equal(result.state, 'bad')
      assert.match(result.message, /another file/)
    }
  })

  it('says unknown_key for another key, and names the issuer', async () => {
    const result = await verifyDetached({
      signature: sign('rsa', DATA),
      data: DATA,
      publicKey: keyOf('ed').armored,
    })
    assert.equal(result.state, 'unknown_key')
    assert.equal(result.fingerprint, keyOf('rsa').fingerprint)
  })

  it('never says good for a tampered signature, wherever a bit is flipped', async () => {
    const signature = sign('ed', DATA)
    const unsigned = unsignedBytes(signature)
    assert.ok(unsigned.size < 20)
    // Every byte: header, creation time, issuer, subpackets, digest prefix, and the two numbers.
    for (let at = 0; at < signature.length; at++) {
      const tampered = Uint8Array.from(signature)
      tampered[at] = (tampered[at] ?? 0) ^ 1
      const outcome = await verifyDetached({
        signature: tampered,
        data: DATA,
        publicKey: keyOf('ed').armored,
      }).catch((error: unknown) => {
        assert.ok(isQalError(error), String(error))
        return { state: error.code }
      })
      if (outcome.state === 'good') assert.ok(unsigned.has(at), `byte ${at} of ${signature.length}`)
    }
  })

  it('says expired for a signature that has expired, and for a key that had', async () => {
    const past = '20200101T000000!'
    const shortLived = sign('ed', DATA, ['--default-sig-expire', 'seconds=1'])
    const later = new Date(Date.now() + 3_600_000)
    const ended = await verifyDetached({
      signature: shortLived,
      data: DATA,
      publicKey: keyOf('ed').armored,
      now: later,
    })
    assert.equal(ended.state, 'expired')
    assert.match(ended.message, /signature is good but expired/)

    const fingerprint = box.key('old <old@example.org>', 'ed25519', {
      expires: 'seconds=864000',
      flags: ['--faked-system-time', past],
    })
    const key = box.gpg(['--armor', '--export', fingerprint]).toString()
    const inTime = box.gpg(
      ['--faked-system-time', '20200105T000000!', '-u', fingerprint, '--detach-sign'],
      DATA,
    )
    const good = await verifyDetached({ signature: inTime, data: DATA, publicKey: key })
    assert.equal(good.state, 'good', good.message)
    assert.match(good.message, /key expired since/)
    assert.equal((await parsePublicKey(key)).expires, '2020-01-11T00:00:00.000Z')
  })

  it('says bad for a key revoked as compromised', async () => {
    const fingerprint = box.key('lost <lost@example.org>', 'ed25519')
    const signature = box.gpg(['-u', fingerprint, '--detach-sign'], DATA)
    const unrevoked = await verifyDetached({
      signature,
      data: DATA,
      publicKey: box.gpg(['--export', fingerprint]),
    })
    assert.equal(unrevoked.state, 'good')
    const certificate = box
      .gpg(['--command-fd', '0', '--no-batch', '--no-tty', '--gen-revoke', fingerprint], 'y\n1\n\ny\n')
      .toString()
    box.gpg(['--import'], certificate)
    const publicKey = box.gpg(['--export', fingerprint])
    assert.equal((await parsePublicKey(publicKey)).revoked, true)
    const result = await verifyDetached({ signature, data: DATA, publicKey })
    assert.equal(result.state, 'bad')
    assert.match(result.message, /revoked/)
  })

  it('accepts a signing subkey and reports the primary key', async () => {
    const fingerprint = box.key('sub <sub@example.org>', 'ed25519')
    box.gpg(['--quick-add-key', fingerprint, 'rsa2048', 'sign', 'never'])
    const result = await verifyDetached({
      signature: box.gpg(['-u', fingerprint, '--detach-sign'], DATA),
      data: DATA,
      publicKey: box.gpg(['--export', fingerprint]),
    })
    assert.equal(result.state, 'good', result.message)
    assert.equal(result.fingerprint, fingerprint)
  })

  it('refuses a secret key and several keys', async () => {
    const { fingerprint } = keyOf('ed')
    await assert.rejects(
      parsePublicKey(box.gpg(['--armor', '--export-secret-keys', fingerprint])),
      code('sign_key_private'),
    )
    await assert.rejects(
      parsePublicKey(box.gpg(['--armor', '--export', fingerprint, keyOf('rsa').fingerprint])),
      code('sign_key_not_single'),
    )
  })

  it('makes signatures that gpg accepts, and refuses over another file', async () => {
    const key = await generateSigningKey({ name: 'Demo Publisher', email: 'demo@example.org' })
    box.gpg(['--import'], key.public_key)
    const data = join(box.home, 'data')
    const signature = join(box.home, 'data.sig')
    writeFileSync(data, DATA)
    writeFileSync(signature, await signDetached(DATA, key))
    const good = box.verify(signature, data)
    assert.equal(good.status, 0)
    assert.match(good.lines, new RegExp(`VALIDSIG ${key.fingerprint}`))
    writeFileSync(data, DATA.subarray(1))
    const bad = box.verify(signature, data)
    assert.notEqual(bad.status, 0)
    assert.match(bad.lines, /BADSIG/)
  })
})

describe('when the data is larger than memory should be', () => {
  it('streams 256 MiB in constant memory, fed or pulled', async () => {
    const key = await generateSigningKey({ name: 'Stream', email: 'stream@example.org' })
    const chunk = new Uint8Array(1 << 20).fill(7)
    const whole = new Uint8Array(256 << 20).fill(7)
    const signature = await signDetached(whole, key)
    const verifier = await createDetachedVerifier({ signature, publicKey: key.public_key })
    for (let i = 0; i < 256; i++) verifier.update(chunk)
    assert.equal((await verifier.finish()).state, 'good')

    const start = process.memoryUsage().arrayBuffers
    let peak = start
    let left = 256
    const data = new ReadableStream<Uint8Array>({
      pull(controller) {
        peak = Math.max(peak, process.memoryUsage().arrayBuffers)
        if (left-- > 0) controller.enqueue(chunk.slice())
        else controller.close()
      },
    })
    assert.equal((await verifyDetached({ signature, data, publicKey: key.public_key })).state, 'good')
    assert.equal(whole.length, 256 << 20)
    assert.ok(peak - start < 128 << 20, `grew by ${(peak - start) >> 20} MiB`)
  })
})

describe('when the input is not what it should be', () => {
  const bad: [string, string | Uint8Array][] = [
    ['empty', ''],
    ['empty bytes', new Uint8Array()],
    ['text', 'hello'],
    ['random bytes', randomBytes(200)],
    ['armor with nothing in it', '-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n'],
    ['an armor header without end', '-----BEGIN PGP SIGNATURE-----\n'],
  ]
  for (const [name, signature] of bad)
    it(`refuses a signature that is ${name}`, async () => {
      const { public_key } = await generateSigningKey({ name: 'A', email: 'a@example.org' })
      await assert.rejects(
        verifyDetached({ signature, data: DATA, publicKey: public_key }),
        code('sign_signature_malformed'),
      )
      await assert.rejects(parsePublicKey(signature), code('sign_key_malformed'))
    })

  it('refuses what is too long', async () => {
    const { public_key } = await generateSigningKey({ name: 'A', email: 'a@example.org' })
    await assert.rejects(
      verifyDetached({ signature: 'x'.repeat(70_000), data: DATA, publicKey: public_key }),
      code('sign_signature_too_large'),
    )
    await assert.rejects(parsePublicKey('x'.repeat(600_000)), code('sign_key_too_large'))
  })

  it('refuses a signature from the future', async () => {
    const key = await generateSigningKey({ name: 'A', email: 'a@example.org' })
    const signature = await signDetached(DATA, key, { at: new Date(Date.now() + 86_400_000) })
    const result = await verifyDetached({ signature, data: DATA, publicKey: key.public_key })
    assert.equal(result.state, 'bad')
    assert.match(result.message, /future/)
  })

  it('makes hostile user ids printable', async () => {
    const key = await generateSigningKey({ name: 'Meta\u202Egro', email: 'a@example.org' })
    assert.deepEqual((await parsePublicKey(key.public_key)).user_ids, ['Meta\u{FFFD}gro <a@example.org>'])
  })
})

async function* streamed(data: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < data.length; at += 65_536) {
    await Promise.resolve()
    yield data.subarray(at, at + 65_536)
  }
}

/**
 * The bytes of a version 4 Ed25519 signature that nothing signs (RFC 9580
 * section 5.2.3): the unhashed subpackets, which only hint at the issuer, and
 * the two bit counts before the numbers, of which parsers use the byte count.
 */
function unsignedBytes(signature: Uint8Array): Set<number> {
  const word = (at: number) => ((signature[at] ?? 0) << 8) | (signature[at + 1] ?? 0)
  const body = 2
  const unhashed = body + 6 + word(body + 4)
  const prefix = unhashed + 2 + word(unhashed)
  const r = prefix + 2
  const s = r + 2 + Math.ceil(word(r) / 8)
  const unsigned = new Set([r, r + 1, s, s + 1])
  for (let at = unhashed; at < prefix; at++) unsigned.add(at)
  return unsigned
}
