/** What to do about a refusal, by the beginning of its code; the longest beginning that fits counts. */
const ADVICE: readonly (readonly [string, string])[] = [
  [
    'torrent_bencode_truncated',
    'The file is cut short. Save it again from where it came, whole, or make it anew.',
  ],
  [
    'torrent_bencode_trailing',
    'Something was put behind the torrent. Take the .torrent from its maker again, or make it anew.',
  ],
  [
    'torrent_bencode',
    'Two clients could read this file differently, or it is no torrent at all. Make it anew with transmission, mktorrent, libtorrent or bin/qal create.',
  ],
  [
    'torrent_path_collision',
    'Two files need the same place on some disks. Rename one and make the torrent anew.',
  ],
  ['torrent_path_symlink', 'A torrent for a listing holds plain files only. Make it anew without the link.'],
  [
    'torrent_path',
    'Rename the file so that every system can store it under exactly this name, and make the torrent anew. If you did not make it, do not open it: such names are used to write where they should not.',
  ],
  [
    'torrent_piece_layers',
    'The v2 hashes are missing or do not fit. Make the torrent anew, or use the one its maker published.',
  ],
  [
    'torrent_hybrid_mismatch',
    'Its v1 and v2 halves describe different files, so two people would get different content. Do not use it; make it anew.',
  ],
  ['torrent_piece_length', 'Make it anew with pieces of a power of two, from 16 KiB.'],
  ['torrent_pieces', 'The piece hashes do not fit the files. Make the torrent anew.'],
  ['torrent_files_count', 'Pack fewer files into one torrent: the model, and what belongs to it.'],
  ['torrent_empty', 'Make the torrent from the model file itself.'],
  ['torrent_size', 'Choose larger pieces, or fewer files.'],
]

const OTHERWISE =
  'Make the torrent anew with a current client, or with bin/qal create, and try again. The guide says how.'

/** A sentence about what to do. */
export function adviceFor(code: string): string {
  return ADVICE.find(([beginning]) => code.startsWith(beginning))?.[1] ?? OTHERWISE
}
