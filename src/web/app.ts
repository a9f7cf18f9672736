import { Hono } from 'hono'
import { csrf } from 'hono/csrf'
import { secureHeaders } from 'hono/secure-headers'
import { QalError } from '../core/error.ts'
import { createApi } from './api/api.ts'
import type { AppDeps } from './deps.ts'
import { problemOf, problemResponse, wantsPage } from './problem.ts'
import { documentRoutes } from './routes/documents.tsx'
import { errorPage } from './routes/error.tsx'
import { fileRoutes } from './routes/files.ts'
import { pageRoutes } from './routes/pages.tsx'
import { auditRoutes } from './routes/audit.tsx'
import { accountRoutes } from './routes/account.tsx'
import { identityRoutes } from './routes/identity.tsx'
import { signInRoutes } from './routes/sign-in.tsx'

/** The whole site as one value; an entry point only translates a runtime to it. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono()

  app.use(async (c, next) => {
    const headers = secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
        styleSrc: ["'self'"],
        fontSrc: ["'self'"],
        imgSrc: ["'self'"],
        workerSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        connectSrc: ["'self'", ...downloadOrigins(c.req.path, deps.site.trackers)],
      },
      crossOriginEmbedderPolicy: false,
      strictTransportSecurity: deps.site.baseUrl.startsWith('https:'),
      referrerPolicy: 'no-referrer',
    })
    return headers(c, next)
  })
  // Forms are taken from this site only; JSON from elsewhere would need a preflight that nothing answers.
  // A token is no ambient authority: no page elsewhere can make a browser send one, and curl names no origin.
  const formsFromHere = csrf({ origin: new URL(deps.site.baseUrl).origin })
  app.use((c, next) => {
    // What brings no cookie cannot be made to act for somebody; the API then asks for a token.
    const bare = c.req.path.startsWith('/api/') && c.req.header('cookie') === undefined
    return bare || c.req.header('authorization') !== undefined ? next() : formsFromHere(c, next)
  })

  app.route('/', createApi(deps))
  app.route('/', fileRoutes(deps))
  app.route('/', identityRoutes(deps))
  app.route('/', signInRoutes(deps))
  app.route('/', accountRoutes(deps))
  app.route('/', auditRoutes(deps))
  app.route('/', documentRoutes(deps))
  app.route('/', pageRoutes(deps))

  app.notFound(async (c) => {
    const error = new QalError('http_not_found', `Cannot find ${c.req.path}`)
    return wantsPage(c) ? errorPage(c, deps, error) : problemResponse(error)
  })
  app.onError(async (error, c) => {
    if (problemOf(error).status >= 500) console.error(error)
    return wantsPage(c) ? errorPage(c, deps, error) : problemResponse(error)
  })
  return app
}

/** A model page may reach trackers and web seeds once the visitor presses Download; no other page reaches anything. */
function downloadOrigins(path: string, trackers: readonly string[]): string[] {
  if (!path.startsWith('/models/')) return []
  const plain = trackers.filter((url) => url.startsWith('ws:')).map((url) => `ws://${new URL(url).host}`)
  return ['https:', 'wss:', ...new Set(plain)]
}
