import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { z } from 'zod'
import { isQalError, QalError } from '../core/error.ts'
import { Md5, Sha256 } from '../core/ids.ts'
import { fetchText, MAX_DOCUMENT_BYTES } from './fetch-text.ts'
import { safeLine, usageError } from './output.ts'

const digests = { sha256: Sha256, md5: Md5.nullish(), size_bytes: z.int().min(0).optional() }

/** One listing as models.json, a model's own JSON and the API give it; what is not compared is not looked at. */
const PublishedModel = z.object({
  ...digests,
  id: z.string().optional(),
  model: z.string().optional(),
  status: z.string().optional(),
  tier: z.string().optional(),
  consensus: z.string().optional(),
  files: z
    .array(z.object({ ...digests, path: z.string(), sha256: Sha256.nullable(), md5: Md5.nullish() }))
    .optional(),
})
type PublishedModel = z.infer<typeof PublishedModel>

const Manifest = z.union([
  z.object({ models: z.array(z.looseObject({ id: z.string().optional() })) }),
  PublishedModel.transform((model) => ({ models: [model] })),
])

/** What was published of one file. */
export interface Published {
  /** Where it was read. */
  from: string
  id: string | null
  model: string | null
  status: string | null
  tier: string | null
  consensus: string | null
  sha256: string
  md5: string | null
  size_bytes: number | null
}

/**
 * Reads what was published about a file: from models.json or a single model's
 * JSON, on disk or on the web. A listing of several files is searched for the
 * file's own name. Throws `cli_manifest` (exit 4) for a document that is not
 * one, `cli_fetch` (exit 1) where the web does not answer.
 */
export async function readPublished(location: string, file: string, id?: string): Promise<Published> {
  const text = /^https?:\/\//i.test(location) ? await fetchDocument(location, id) : await readText(location)
  const models = parse(text, location)
  const model = select(models, location, id)
  const found = fileOf(model, file, location)
  return {
    from: location,
    id: model.id ?? null,
    model: model.model ?? null,
    status: model.status ?? null,
    tier: model.tier ?? null,
    consensus: model.consensus ?? null,
    sha256: found.sha256,
    md5: found.md5 ?? null,
    size_bytes: found.size_bytes ?? null,
  }
}

function parse(text: string, location: string): { id?: string | undefined }[] {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw refused(location, 'a JSON document', 'something else', cause)
  }
  const manifest = Manifest.safeParse(document)
  if (!manifest.success)
    throw refused(location, 'a models.json or one model of it', 'another document', manifest.error)
  return manifest.data.models
}

function select(
  models: { id?: string | undefined }[],
  location: string,
  id: string | undefined,
): PublishedModel {
  const matching = id === undefined ? models : models.filter((model) => model.id === id)
  const [model, ...more] = matching
  if (model === undefined)
    throw refused(
      location,
      id === undefined ? 'a model' : `the listing ${safeLine(id)}`,
      `${models.length} other models`,
    )
  if (more.length > 0) {
    if (id === undefined) throw usageError('--manifest', '--id beside a document of several models', location)
    throw refused(location, 'each id once', `${matching.length} models with the same id`)
  }
  const parsed = PublishedModel.safeParse(model)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw refused(
    location,
    issue?.message ?? 'a model',
    `none in ${issue?.path.join('.') || 'the document'}`,
    parsed.error,
  )
}

function fileOf(model: PublishedModel, file: string, location: string) {
  const files = model.files ?? []
  if (files.length <= 1) return model
  const named = files.filter(({ path }) => basename(path) === basename(file))
  const [one] = named
  if (one === undefined || named.length > 1)
    throw usageError(
      'the file',
      `a name of the listing, such as ${safeLine(basename(files[0]?.path ?? ''))}`,
      basename(file),
    )
  if (one.sha256 === null) throw refused(location, `a SHA-256 of ${safeLine(one.path)}`, 'none')
  return { ...one, sha256: one.sha256 }
}

async function readText(path: string): Promise<string> {
  const found = await stat(path).catch(() => {
    throw usageError('--manifest', 'a file that can be read, or a URL', path)
  })
  if (!found.isFile()) throw usageError('--manifest', 'a file', path)
  if (found.size > MAX_DOCUMENT_BYTES)
    throw refused(path, `at most ${MAX_DOCUMENT_BYTES} bytes`, `${found.size} bytes`)
  return readFile(path, 'utf8')
}

async function fetchDocument(url: string, id: string | undefined): Promise<string> {
  try {
    return await fetchText(url)
  } catch (error) {
    // A mistyped id is how the command was called.
    if (isQalError(error) && error.facts.found === '404' && id !== undefined)
      throw usageError('--id', `a listing that is at ${safeLine(url)}`, id)
    if (isQalError(error) && error.facts.found === '404')
      throw refused(url, 'a listing', 'nothing there (404)', error)
    throw error
  }
}

function refused(location: string, expected: string, found: string, cause?: unknown): QalError {
  return new QalError(
    'cli_manifest',
    `Cannot use ${safeLine(location)}: expected ${expected}, got ${found}`,
    {
      field: 'manifest',
      expected,
      found,
      exit: 4,
      cause,
    },
  )
}
