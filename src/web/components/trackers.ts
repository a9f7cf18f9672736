import type { ModelItem } from '../page-types.ts'

/** Every tracker that the links name: the torrent's own and those the site adds to its magnets. */
export function trackersOf({ magnet, trackers }: Pick<ModelItem, 'magnet' | 'trackers'>): string[] {
  const added = magnet === null ? [] : new URLSearchParams(magnet.slice(magnet.indexOf('?'))).getAll('tr')
  return [...new Set([...trackers, ...added])]
}
