/** A server with the shapes of GitHub's web application flow and of `GET /user`, as docs.github.com describes them. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LocalGithub {
  url: string
  clientId: string
  clientSecret: string
  /** Who presses "Authorize" next; null refuses. */
  user: { id: number; login: string } | null
  /** What it was asked, path by path. */
  asked: string[]
  close(): Promise<void>
}

interface Grant {
  user: { id: number; login: string }
  challenge: string | null
  redirect: string
}

export async function startGithub(): Promise<LocalGithub> {
  const codes = new Map<string, Grant>()
  const tokens = new Map<string, { id: number; login: string }>()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://github.test')
    github.asked.push(url.pathname)
    const json = (status: number, value: object): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
      response.end(JSON.stringify(value))
    }
    if (url.pathname === '/login/oauth/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri') ?? '')
      back.searchParams.set('state', url.searchParams.get('state') ?? '')
      if (github.user === null) back.searchParams.set('error', 'access_denied')
      else {
        const code = randomBytes(10).toString('hex')
        codes.set(code, {
          user: github.user,
          challenge: url.searchParams.get('code_challenge'),
          redirect: url.searchParams.get('redirect_uri') ?? '',
        })
        back.searchParams.set('code', code)
      }
      response.writeHead(302, { location: back.href })
      response.end()
      return
    }
    if (url.pathname === '/login/oauth/access_token') {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        const form = new URLSearchParams(body)
        const basic = Buffer.from(`${github.clientId}:${github.clientSecret}`).toString('base64')
        const grant = codes.get(form.get('code') ?? '')
        codes.delete(form.get('code') ?? '')
        const proof = createHash('sha256')
          .update(form.get('code_verifier') ?? '')
          .digest('base64url')
        const holds =
          request.headers.authorization === `Basic ${basic}` &&
          grant?.challenge === proof &&
          grant.redirect === form.get('redirect_uri')
        // GitHub answers a wrong code with 200 and an error.
        if (!holds || grant === undefined) {
          json(200, {
            error: 'bad_verification_code',
            error_description: 'The code passed is incorrect or expired.',
          })
          return
        }
        const token = `gho_${randomBytes(18).toString('hex')}`
        tokens.set(token, grant.user)
        json(200, { access_token: token, token_type: 'bearer', scope: '' })
      })
      return
    }
    if (url.pathname === '/user') {
      const user = tokens.get(/^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '')
      if (!request.headers['user-agent']) json(403, { message: 'Request forbidden by administrative rules.' })
      else if (user === undefined) json(401, { message: 'Bad credentials', status: '401' })
      else json(200, { ...user, node_id: 'MDQ6VXNlcjE=', type: 'User', site_admin: false, email: null })
      return
    }
    json(404, { message: 'Not Found' })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const github: LocalGithub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clientId: 'Iv1.test',
    clientSecret: 'a secret',
    user: null,
    asked: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return github
}
