import { hubBase, hubFileUrl, type HubFile } from '../core/hub.ts'
import { checkWebSeed } from '../torrent/urls.ts'
import { usageError } from './output.ts'

/** A file in a Hugging Face repository, pinned at a commit. */
export interface HubSource extends HubFile {
  /** Where it is downloaded from: a web seed (BEP 19). */
  url: string
}

const FORM = 'org/repo@commit:path with all 40 hexadecimal digits of the commit'

/**
 * Reads `--hf org/repo@commit:path`; a branch or tag is refused, since what it
 * names can change. The Hub's address comes from QAL_HF_URL where it is set.
 */
export function parseHubSource(text: string): HubSource {
  const match = /^([\w.-]{1,96}\/[\w.-]{1,96})@([0-9a-f]{40}):(.{1,1000})$/s.exec(text)
  const [, repository, commit, path] = match ?? []
  if (repository === undefined || commit === undefined || path === undefined) {
    throw usageError('--hf', FORM, text)
  }
  const names = path.split('/')
  if ([...repository.split('/'), ...names].some((name) => /^\.{0,2}$/.test(name))) {
    throw usageError('--hf', `${FORM}, no empty name or dots`, text)
  }
  const base = hubBase(process.env['QAL_HF_URL'])
  const url = hubFileUrl(base, { repository, commit, path })
  try {
    checkWebSeed(url, '--hf')
  } catch {
    throw usageError('QAL_HF_URL', 'an http or https URL', base)
  }
  return { repository, commit, path, url }
}
