import { z } from 'zod'
import { Source, SourceType, Tag } from '../../core/events.ts'
import { isPlain } from '../../core/fields.ts'
import { readHubUrl } from '../../core/hub.ts'
import { Md5, Sha256 } from '../../core/ids.ts'

const lower = (text: string): string => text.trim().toLowerCase()
const blankIsAbsent = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (typeof value === 'string' && value.trim() === '' ? undefined : value), schema)

const plain = (max: number) =>
  z
    .string()
    .trim()
    .max(max, `expected at most ${max} characters`)
    .refine(isPlain, 'expected plain text on one line')

/** What an address of the Hub says and what stands beside it must be the same. */
function agreeWithUrl(
  source: { url?: string | null | undefined } & Partial<Record<'repository' | 'commit' | 'path', unknown>>,
  context: z.RefinementCtx,
): void {
  const named = readHubUrl(source.url ?? '')
  if (named === null) return
  for (const field of ['repository', 'commit', 'path'] as const) {
    const given = source[field] ?? null
    if (given !== null && named[field] !== null && given !== named[field])
      context.addIssue({
        code: 'custom',
        path: [field],
        message: `expected ${named[field]}, as the URL says, or another URL`,
      })
  }
}

const text = (maxBytes: number) =>
  z.string().refine((value) => new TextEncoder().encode(value).length <= maxBytes, {
    message: `expected at most ${maxBytes} bytes of text`,
  })

/** README and benchmarks: Markdown of at most 64 KiB. */
const MAX_TEXT_BYTES = 65_536
/** A .torrent of a 40 GiB model is about 130 kB; 4 MiB holds one of a terabyte. */
export const MAX_TORRENT_BYTES = 4 * 1024 * 1024
/** A submission's whole body: the .torrent in base64 with its texts. */
export const MAX_SUBMISSION_BYTES = 8 * 1024 * 1024

/** What a submission may say, in JSON or as a form; every field the mission names. */
export const Submission = z
  .strictObject({
    name: blankIsAbsent(
      plain(120)
        .min(1, 'expected the name of the model')
        .describe('Name of the model as the listing shows it'),
    ),
    torrent: blankIsAbsent(
      z
        .base64('expected the bytes of a .torrent in base64')
        .max(Math.ceil(MAX_TORRENT_BYTES / 3) * 4, 'expected a .torrent of at most 4 MiB')
        .optional()
        .describe('The .torrent in base64; in a form, the file itself'),
    ),
    info_hash: blankIsAbsent(
      z
        .string()
        .transform(lower)
        .pipe(
          z
            .string()
            .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'expected 40 hexadecimal digits (v1) or 64 (v2)'),
        )
        .optional()
        .describe('Info hash, v1 or v2; for a submission without a .torrent'),
    ),
    magnet: blankIsAbsent(
      z
        .string()
        .max(8_192, 'expected a magnet of at most 8192 characters')
        .startsWith('magnet:?', 'expected a magnet link')
        .optional()
        .describe('A magnet link, instead of the info hash'),
    ),
    size_bytes: blankIsAbsent(
      z.coerce
        .number('expected the size in bytes')
        .int('expected a whole number of bytes')
        .min(1, 'expected at least 1 byte')
        .max(2 ** 50, 'expected at most 1 PiB')
        .optional()
        .describe('Size of the model file in bytes; read from the .torrent where there is one'),
    ),
    sha256: z
      .string('expected the SHA-256 of the model file: 64 hexadecimal digits')
      .transform(lower)
      .pipe(Sha256)
      .describe('SHA-256 of the model file'),
    md5: blankIsAbsent(
      z
        .string()
        .transform(lower)
        .pipe(Md5)
        .optional()
        .describe('MD5 of the model file: a look-up key, never evidence'),
    ),
    quantisation: blankIsAbsent(
      z
        .string()
        .trim()
        .toUpperCase()
        .regex(/^[A-Z0-9][A-Z0-9_]{1,23}$/, 'expected a name such as Q4_K_M')
        .optional()
        .describe('Quantisation as labelled, such as Q4_K_M'),
    ),
    source: z
      .strictObject({
        type: SourceType.default('user_upload'),
        url: blankIsAbsent(Source.shape.url.optional()),
        repository: blankIsAbsent(Source.shape.repository.optional()),
        commit: blankIsAbsent(Source.shape.commit.optional()),
        path: blankIsAbsent(Source.shape.path.optional()),
        quantised_by: blankIsAbsent(plain(80).optional()),
      })
      .superRefine(agreeWithUrl)
      .default({ type: 'user_upload' })
      .describe(
        'Where it comes from; an address of a file on Hugging Face as `url` fills in repository, commit and path. `path` is of this very file there: its SHA-256 is asked for and compared',
      ),
    licence: blankIsAbsent(plain(80).optional()),
    tags: z
      .preprocess(
        (value) =>
          typeof value === 'string'
            ? value
                .toLowerCase()
                .split(/[\s,]+/)
                .filter(Boolean)
            : value,
        z.array(Tag).max(16, 'expected at most 16 tags'),
      )
      .default([])
      .transform((tags) => [...new Set(tags)]),
    hardware: blankIsAbsent(plain(200).optional()).describe('What it needs to run'),
    readme: blankIsAbsent(text(MAX_TEXT_BYTES).optional()).describe('Description, in Markdown'),
    benchmarks: blankIsAbsent(text(MAX_TEXT_BYTES).optional()).describe('Benchmarks, in Markdown'),
    signature: blankIsAbsent(
      z
        .string()
        .max(16_384, 'expected a signature of at most 16 KiB')
        .refine((armored) => armored.includes('-----BEGIN PGP SIGNATURE-----'), {
          message: 'expected an armored detached OpenPGP signature',
        })
        .optional()
        .describe('Armored detached OpenPGP signature over the model file'),
    ),
    demo: z.boolean().default(false).describe('Marks a listing that only shows how the site works'),
  })
  .refine(
    ({ torrent, info_hash, magnet }) => [torrent, info_hash, magnet].some((given) => given !== undefined),
    {
      path: ['info_hash'],
      message: 'expected an info hash, a magnet or a .torrent',
    },
  )
export type Submission = z.infer<typeof Submission>

/** The fields of the form, flat, brought to the shape that the API takes. */
export function submissionOfForm(form: Record<string, string>): Record<string, unknown> {
  const { source_type, source_url, source_repository, source_commit, source_path, quantised_by, ...rest } =
    form
  const filled = Object.fromEntries(Object.entries(rest).filter(([, value]) => value.trim() !== ''))
  return {
    ...filled,
    ...(filled['info_hash']?.trim().startsWith('magnet:')
      ? { info_hash: '', magnet: filled['info_hash'].trim() }
      : {}),
    name: rest['name'] ?? '',
    sha256: rest['sha256'] ?? '',
    source: {
      ...(source_type ? { type: source_type } : {}),
      url: source_url ?? '',
      repository: source_repository ?? '',
      commit: source_commit ?? '',
      path: source_path ?? '',
      quantised_by: quantised_by ?? '',
    },
  }
}

/** The form's name of a field of the API, for showing an error beside its input. */
export function formField(field: string): string {
  return field
    .replace(/^source\./, 'source_')
    .replace('source_quantised_by', 'quantised_by')
    .replace(/^tags\..*/, 'tags')
}
