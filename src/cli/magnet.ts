import { Command } from 'commander'
import { QalError } from '../core/error.ts'
import { magnetsOf } from '../torrent/magnet.ts'
import { printJson, printLines } from './output.ts'
import { readTorrentFile } from './torrent-file.ts'

/** `qal magnet F.torrent`: its magnet link. */
export function magnetCommand(): Command {
  return new Command('magnet')
    .description('Print the magnet link of a .torrent file')
    .argument('<torrent>', 'a .torrent file')
    .option('--v1', 'only with the v1 info hash, for old clients')
    .option('--json', 'print JSON, both links')
    .addHelpText(
      'after',
      `
Examples:
  bin/qal magnet model.gguf.torrent
  bin/qal magnet model.gguf.torrent --v1
  bin/qal magnet model.gguf.torrent --json`,
    )
    .action(async (path: string, flags: { v1?: true; json?: true }) => {
      const metainfo = await readTorrentFile(path)
      const { magnet, magnet_v1 } = magnetsOf(metainfo)
      if (flags.v1 === true && magnet_v1 === null) {
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
      const { info_hash, info_hash_v2, name, size_bytes } = metainfo
      if (flags.json === true) {
        printJson({
          magnet: flags.v1 === true ? magnet_v1 : magnet,
          magnet_v1,
          info_hash,
          info_hash_v2,
          name,
          size_bytes,
        })
      } else {
        printLines([(flags.v1 === true ? magnet_v1 : magnet) ?? magnet])
      }
    })
}
