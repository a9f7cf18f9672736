import type { Inspection } from '../../../gguf/index.ts'
import type { Metainfo } from '../../../torrent/metainfo.ts'

/** A dropped file's name and size in bytes. */
export interface FileFacts {
  name: string
  size: number
}

/** One key of a header; strings are as they are in the file and not safe to print. */
export interface MetadataRow {
  key: string
  /** Such as `u32` or `string[128256]`. */
  type: string
  /** The value, or the first items of an array. */
  text: string
  /** How much of it `text` leaves out, in characters or items; null where it is whole. */
  cut: { left: number; unit: 'characters' | 'items' } | null
}

/** A chat template's own text. */
export interface TemplateText {
  key: string
  text: string
  cut: number
}

/** A header laid out for reading. */
export interface HeaderTables {
  metadata: MetadataRow[]
  templates: TemplateText[]
}

/** What a page shows of a dropped model. */
export interface ModelReport {
  kind: 'model'
  files: FileFacts[]
  /** Its table of tensors may be cut; `tensors` still counts them all. */
  inspection: Inspection
  /** Null where the parser refused the file. */
  tables: HeaderTables | null
}

/** What a page shows of a dropped .torrent: all but its raw parts. */
export type TorrentFacts = Omit<Metainfo, 'infoBytes' | 'pieces' | 'pieceLayers'>

export interface TorrentReport {
  kind: 'torrent'
  file: FileFacts
  torrent: TorrentFacts
  magnet: string
  magnet_v1: string | null
}

/** A .torrent that the strict parser refuses. */
export interface TorrentRefusal {
  kind: 'torrent-refused'
  file: FileFacts
  code: string
  message: string
  field: string | null
  expected: string | null
  found: string | null
}

export type Report = ModelReport | TorrentReport | TorrentRefusal

/** Digests of one dropped file, in lower-case hexadecimal. */
export interface FileDigests {
  name: string
  size: number
  sha256: string
  md5: string
}
