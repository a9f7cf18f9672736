import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { limitBody } from './body.ts'
import { ProblemDocument } from './documents.ts'

interface Documented {
  method: 'get' | 'post'
  /** In OpenAPI's notation, as `/api/models/{id}`. */
  path: string
  summary: string
  query?: z.ZodObject
  body?: z.ZodType
  /** Whether the body may come as multipart with a file too. */
  multipart?: boolean
  maxBodyBytes?: number
  /** Whether it asks for a token or session. */
  signedIn?: boolean
  status?: number
  answer: string
}

const PROBLEMS = {
  400: 'Unreadable',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not here',
  409: 'There already',
  413: 'Too large',
  422: 'A field is wrong',
}

/** One route and its place in the OpenAPI document, said once. */
export function route(app: OpenAPIHono, doc: Documented, handler: (c: Context) => Promise<Response>): void {
  const path = doc.path.replaceAll(/\{(\w+)\}/g, ':$1')
  if (doc.method === 'post') app.post(path, limitBody(doc.maxBodyBytes ?? 65_536), handler)
  else app.get(path, handler)

  const params = [...doc.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, z.string()])
  const content = doc.body && {
    'application/json': { schema: doc.body },
    ...(doc.multipart ? { 'multipart/form-data': { schema: doc.body } } : {}),
  }
  const config: RouteConfig = {
    method: doc.method,
    path: doc.path,
    summary: doc.summary,
    ...(doc.signedIn ? { security: [{ bearer: [] }] } : {}),
    request: {
      ...(params.length > 0 ? { params: z.object(Object.fromEntries(params)) } : {}),
      ...(doc.query ? { query: doc.query } : {}),
      ...(content ? { body: { content, required: true } } : {}),
    },
    responses: {
      [doc.status ?? 200]: { description: doc.answer },
      ...Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, description]) => [
          status,
          { description, content: { 'application/problem+json': { schema: ProblemDocument } } },
        ]),
      ),
    },
  }
  app.openAPIRegistry.registerPath(config)
}
