import { Command } from 'commander'
import { QalError } from '../core/error.ts'
import { buildMagnet, magnetsOf, parseMagnet, type Magnet } from '../torrent/magnet.ts'
import { exactBytes, printJson, printLines, safeLine, table } from './output.ts'
import { readTorrentFile } from './torrent-file.ts'

interface MagnetFlags {
  v1?: true
  json?: true
}

/** `qal magnet F.torrent`: its magnet link; `qal magnet 'magnet:?…'`: what a link says. */
export function magnetCommand(): Command {
  return new Command('magnet')
    .description('Print the magnet link of a .torrent file, or check a magnet link and show what it says')
    .argument('<torrent>', 'a .torrent file, or a magnet link in quotes')
    .option('--v1', 'the link with only the v1 info hash, for old clients')
    .option('--json', 'print JSON, both links')
    .addHelpText(
      'after',
      `
Examples:
  bin/qal magnet model.gguf.torrent
  bin/qal magnet model.gguf.torrent --v1
  bin/qal magnet model.gguf.torrent --json
  bin/qal magnet 'magnet:?xt=urn:btih:${'0123456789'.repeat(4)}&dn=model.gguf'`,
    )
    .action(async (from: string, flags: MagnetFlags) => {
      if (/^\s*magnet:/i.test(from)) describe(parseMagnet(from), flags)
      else await link(from, flags)
    })
}

async function link(path: string, flags: MagnetFlags): Promise<void> {
  const metainfo = await readTorrentFile(path)
  const { magnet, magnet_v1 } = magnetsOf(metainfo)
  const chosen = flags.v1 === true ? (magnet_v1 ?? refuseV2()) : magnet
  const { info_hash, info_hash_v2, name, size_bytes } = metainfo
  if (flags.json === true) printJson({ magnet: chosen, magnet_v1, info_hash, info_hash_v2, name, size_bytes })
  else printLines([chosen])
}

/** What a link says, and the link as we write it: each parameter once, in our order. */
function describe(magnet: Magnet, flags: MagnetFlags): void {
  const whole = buildMagnet(magnet)
  const v1 = magnet.infoHash === null ? null : buildMagnet(magnet, { v1Only: true })
  const chosen = flags.v1 === true ? (v1 ?? refuseV2()) : whole
  if (flags.json === true) {
    const { infoHash, infoHashV2, size, webSeeds, ...rest } = magnet
    printJson({
      magnet: chosen,
      magnet_v1: v1,
      info_hash: infoHash,
      info_hash_v2: infoHashV2,
      name: rest.name,
      size_bytes: size,
      trackers: rest.trackers,
      web_seeds: webSeeds,
      select: rest.select,
    })
    return
  }
  if (flags.v1 === true) {
    printLines([chosen])
    return
  }
  printLines(
    table([
      ['name', magnet.name === null ? null : safeLine(magnet.name)],
      ['size', magnet.size === null ? null : exactBytes(magnet.size)],
      ['info hash', magnet.infoHash],
      ['info hash v2', magnet.infoHashV2],
      ...magnet.trackers.map((url) => ['tracker', url] as const),
      ...magnet.webSeeds.map((url) => ['web seed', url] as const),
      ['only files', magnet.select.length === 0 ? null : ranges(magnet.select)],
      ['magnet', whole],
      ['magnet v1', v1 === whole ? null : v1],
    ]),
  )
}

function ranges(select: Magnet['select']): string {
  return select.map(([from, to]) => (from === to ? String(from) : `${from} to ${to}`)).join(', ')
}

function refuseV2(): never {
  throw new QalError(
    'torrent_magnet_no_hash',
    'Cannot make a v1 magnet link: expected a v1 info hash, got v2 only',
    {
      field: '--v1',
      expected: 'a v1 or hybrid torrent',
      found: 'v2 only',
      exit: 4,
    },
  )
}
