import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import { QalError } from '../../core/error.ts'
import { inputError, problemResponse } from '../problem.ts'

/** Refuses a body over its limit before it is read whole, by its length or as it comes. */
export function limitBody(maxBytes: number): ReturnType<typeof bodyLimit> {
  return bodyLimit({
    maxSize: maxBytes,
    onError: () =>
      problemResponse(
        new QalError('http_too_large', `Cannot take the body: it is over ${maxBytes} bytes`, {
          field: 'body',
          expected: `at most ${maxBytes} bytes`,
        }),
      ),
  })
}

/** The JSON body, checked; throws a typed error that names the field. */
export async function jsonBody<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim()
  if (type !== 'application/json')
    throw new QalError('http_media_type', `Cannot take a body of ${type || 'no type'}`, {
      field: 'content-type',
      expected: 'application/json',
    })
  let value: unknown
  try {
    value = await c.req.json()
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new QalError('http_bad_request', 'Cannot read the body: it is no JSON', {
      field: 'body',
      expected: 'a JSON object',
      cause,
    })
  }
  return check(schema, value)
}

/** A value held against its schema; throws `input_invalid` with every field that is wrong. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw inputError(parsed.error)
  return parsed.data
}

/** A form's text fields, and its one file as bytes; blank files are absent. */
export async function formBody(
  c: Context,
  fileField?: string,
): Promise<{ fields: Record<string, string>; file: Uint8Array<ArrayBuffer> | null }> {
  let form: FormData
  try {
    form = await c.req.formData()
  } catch (cause) {
    throw new QalError('http_bad_request', 'Cannot read the form', {
      field: 'body',
      expected: 'a form, URL-encoded or multipart',
      cause,
    })
  }
  const fields: Record<string, string> = {}
  let file: Uint8Array<ArrayBuffer> | null = null
  for (const [name, value] of form)
    if (typeof value === 'string') fields[name] = value
    else if (name === fileField && value.size > 0) file = new Uint8Array(await value.arrayBuffer())
  return { fields, file }
}
