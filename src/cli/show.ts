import { Command } from 'commander'
import { magnetsOf } from '../torrent/magnet.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { exactBytes, humanBytes, printJson, printLines, safeLine, table } from './output.ts'
import { readTorrentFile } from './torrent-file.ts'

/** `qal show F.torrent`: what a torrent says, after every check. */
export function showCommand(): Command {
  return new Command('show')
    .description('Check a .torrent file and show what it says')
    .argument('<torrent>', 'a .torrent file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
A torrent that two clients could read differently, or with an unsafe path, is
refused with exit code 4.

Examples:
  bin/qal show model.gguf.torrent
  bin/qal show model.gguf.torrent --json`,
    )
    .action(async (path: string, flags: { json?: true }) => {
      const metainfo = await readTorrentFile(path)
      if (flags.json === true) printJson(asJson(metainfo))
      else printLines(asLines(metainfo))
    })
}

function asJson(metainfo: Metainfo): Record<string, unknown> {
  const { infoBytes: _, pieces: _pieces, pieceLayers: _layers, ...facts } = metainfo
  return { ...facts, ...magnetsOf(metainfo) }
}

function asLines(metainfo: Metainfo): string[] {
  const { creation_date: date } = metainfo
  const { magnet, magnet_v1 } = magnetsOf(metainfo)
  return [
    ...table([
      ['name', safeLine(metainfo.name)],
      ['kind', metainfo.version],
      ['size', exactBytes(metainfo.size_bytes)],
      ['pieces', `${metainfo.piece_count} of ${humanBytes(metainfo.piece_length)}`],
      ['info hash', metainfo.info_hash],
      ['info hash v2', metainfo.info_hash_v2],
      ['private', metainfo.private ? 'yes' : null],
      ['created', date === null ? null : new Date(date * 1000).toISOString()],
      ['created by', shown(metainfo.created_by)],
      ['comment', shown(metainfo.comment)],
      ...metainfo.trackers.map((tier, index) => [`tracker ${index + 1}`, tier.join(' ')] as const),
      ...metainfo.web_seeds.map((url) => ['web seed', url] as const),
      ...metainfo.ignored.map(({ field, reason }) => ['ignored', safeLine(`${field}: ${reason}`)] as const),
      ['magnet', magnet],
      ['magnet v1', magnet_v1 === magnet ? null : magnet_v1],
    ]),
    '',
    ...metainfo.files.map((file) => `${safeLine(file.path)}  ${exactBytes(file.size_bytes)}`),
  ]
}

function shown(text: string | null): string | null {
  return text === null ? null : safeLine(text)
}
