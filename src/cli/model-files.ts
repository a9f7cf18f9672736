import { basename, dirname, join } from 'node:path'
import type { ByteSource } from '../core/byte-source.ts'
import { openFileSource, type FileSource } from '../store/file-source.ts'
import { openWebSource } from './web-source.ts'

/** Files that a command was given, on disk or on the web, and that it closes together. */
export interface ModelFiles {
  open(place: string): Promise<ByteSource>
  /** Another file in the folder of the first. */
  openBeside(place: string, name: string): Promise<ByteSource>
  /** The file's own name, without its folder or server. */
  nameOf(place: string): string
  isRemote(place: string): boolean
  close(): Promise<void>
}

export function modelFiles(): ModelFiles {
  const opened: FileSource[] = []
  const open = async (place: string): Promise<ByteSource> => {
    if (isWebAddress(place)) return openWebSource(place)
    const source = await openFileSource(place)
    opened.push(source)
    return source
  }
  return {
    open,
    openBeside: (place, name) =>
      open(isWebAddress(place) ? besideOf(place, name) : join(dirname(place), name)),
    nameOf: (place) => (isWebAddress(place) ? fileNameOf(place) : basename(place)),
    isRemote: isWebAddress,
    close: async () => {
      await Promise.all(opened.map((source) => source.close()))
    },
  }
}

function isWebAddress(place: string): boolean {
  return /^https?:\/\//i.test(place)
}

function fileNameOf(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

function besideOf(url: string, fileName: string): string {
  const address = new URL(url)
  address.pathname = [...address.pathname.split('/').slice(0, -1), encodeURIComponent(fileName)].join('/')
  return address.href
}
