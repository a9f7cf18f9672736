import type { SignatureResult } from '../sign/detached.ts'
import type { FetchResult } from '../swarm/fetch.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { claimOf, type Listing } from './get-listing.ts'
import { exactBytes, humanBytes, printJson, printLines, safeLine } from './output.ts'

/** What a finished download was compared with, beside its torrent. */
export interface Checked {
  /** Files whose SHA-256 is the listing's. */
  listed: number
  /** Whether --sha256 was given, and so is what came. */
  given: boolean
  signature: SignatureResult | null
}

export interface Got {
  metainfo: Metainfo
  listing: Listing | null
  result: FetchResult
  checked: Checked
}

/** Lists a torrent's files: number, size, path. */
export function printFiles({ files, name }: Metainfo, chosen: readonly number[], json: boolean): void {
  const listed = chosen.flatMap((number) => {
    const file = files[number]
    return file ? [{ number, path: file.path, size_bytes: file.size_bytes }] : []
  })
  if (json) {
    printJson({ name, files: listed })
    return
  }
  const total = listed.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  printLines([
    ...listed.map(({ size_bytes, path }) => `${humanBytes(size_bytes).padStart(11)}  ${safeLine(path)}`),
    `${humanBytes(total).padStart(11)}  in ${listed.length} of ${files.length} files`,
  ])
}

export function printResult(got: Got, json: boolean): void {
  if (json) printJson(asJson(got))
  else printLines(asLines(got))
}

function asJson({ metainfo, listing, result, checked }: Got): Record<string, unknown> {
  return {
    name: metainfo.name,
    info_hash: metainfo.info_hash,
    info_hash_v2: metainfo.info_hash_v2,
    files: result.files.map(({ path, diskPath, size, sha256, md5, kept }) => ({
      path: diskPath,
      path_in_torrent: path,
      size_bytes: size,
      sha256,
      md5,
      where: kept ? 'already_here' : 'downloaded',
    })),
    bytes_from: result.bytes_from,
    bytes_to_peers: result.bytes_to_peers,
    bytes_read: result.bytes_read,
    peers_seen: result.peers_seen,
    bad_pieces: result.bad_pieces,
    seconds: Number(result.seconds.toFixed(3)),
    verified_against: {
      torrent: metainfo.version,
      listing: listing && {
        id: listing.id,
        site: listing.site,
        model: listing.model,
        status: listing.status,
        tier: listing.tier,
        consensus: listing.consensus,
        files: checked.listed,
      },
      sha256_given: checked.given,
      signature: checked.signature,
    },
    problems: result.problems,
  }
}

function asLines({ metainfo, listing, result, checked }: Got): string[] {
  const { files, bytes_from: from, seconds } = result
  const bytes = from.peers + from.web_seeds
  const rate = seconds > 0 ? `, ${humanBytes(Math.round(bytes / seconds))}/s` : ''
  const came =
    bytes === 0
      ? 'Already here: nothing was downloaded.'
      : `${humanBytes(bytes)} in ${seconds.toFixed(1)} s${rate}: ${humanBytes(from.peers)} from peers, ${humanBytes(from.web_seeds)} from the web.`
  return [
    ...files.flatMap(({ diskPath, path, size, sha256, md5, kept }) => {
      const claim = listing ? claimOf(listing, path, metainfo.files.length) : undefined
      const said = claim?.sha256 ? '  as its listing says' : checked.given ? '  as you said' : ''
      return [
        `${safeLine(diskPath)}  ${exactBytes(size)}${kept ? ', already here' : ''}`,
        `  SHA-256 ${sha256 ?? ''}${said}`,
        ...(md5 === null ? [] : [`  MD5     ${md5}${claim?.md5 ? '  as its listing says' : ''}`]),
      ]
    }),
    came,
    ...verdict(metainfo, { listing, checked, files: files.length }),
  ]
}

function verdict(
  { version }: Metainfo,
  { listing, checked, files }: { listing: Listing | null; checked: Checked; files: number },
): string[] {
  const pieces = { v1: 'SHA-1', v2: 'SHA-256', hybrid: 'SHA-1 and SHA-256' }[version]
  const lines = [`Verified: every piece by ${pieces}.`]
  if (listing && checked.listed === files)
    lines.push(`What the listing ${listing.id} published is what came.`)
  else if (listing)
    lines.push(
      `The listing ${listing.id} gives the SHA-256 of ${checked.listed} of these ${files} files; the others are checked against the torrent's hashes only.`,
    )
  else if (!checked.given)
    lines.push("Checked against the torrent's hashes only: compare the SHA-256 with what the publisher says.")
  if (checked.signature)
    lines.push(
      `Signed: ${safeLine(checked.signature.message)} (key ${checked.signature.fingerprint ?? 'unknown'})`,
    )
  return lines
}
