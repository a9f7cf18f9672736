import { createTransport } from 'nodemailer'
import { QalError } from '../core/error.ts'
import type { SignInWays } from '../web/deps.ts'

const TIMEOUT_MS = 20_000

/**
 * How people can sign in, by the environment: QAL_GITHUB_CLIENT_ID and _SECRET
 * (QAL_GITHUB_URL and _API_URL where GitHub is elsewhere), QAL_SMTP_URL and
 * QAL_MAIL_FROM. Half of a pair is a mistake and refused with `cli_usage`.
 */
export function signInWays(env: NodeJS.ProcessEnv): SignInWays {
  return { ...github(env), ...mail(env) }
}

function github(env: NodeJS.ProcessEnv): Pick<SignInWays, 'github'> {
  const [clientId, clientSecret] = both(env, 'QAL_GITHUB_CLIENT_ID', 'QAL_GITHUB_CLIENT_SECRET')
  if (clientId === undefined || clientSecret === undefined) return {}
  return {
    github: {
      clientId,
      clientSecret,
      url: address(env, 'QAL_GITHUB_URL', 'https://github.com'),
      apiUrl: address(env, 'QAL_GITHUB_API_URL', 'https://api.github.com'),
    },
  }
}

function mail(env: NodeJS.ProcessEnv): Pick<SignInWays, 'sendMail'> {
  const [url, from] = both(env, 'QAL_SMTP_URL', 'QAL_MAIL_FROM')
  if (url === undefined || from === undefined) return {}
  if (!/^smtps?:\/\//.test(url) || !URL.canParse(url)) throw unusable('QAL_SMTP_URL', 'an smtp or smtps URL')
  const transport = createTransport({
    url,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  })
  return {
    sendMail: async (to, subject, text) => {
      try {
        // As an object, so that nothing in an address is read as a list or a header.
        await transport.sendMail({ from, to: { name: '', address: to }, subject, text })
      } catch (error) {
        // The library's error names the recipient, and what is thrown here is logged: no address is kept (T20).
        const found =
          error instanceof Error && 'responseCode' in error ? String(error.responseCode) : 'no answer'
        throw new QalError(
          'http_mail',
          'Cannot send the link: the mail server did not take it; try again later',
          { found },
        )
      }
    },
  }
}

function both(env: NodeJS.ProcessEnv, one: string, other: string): [string | undefined, string | undefined] {
  const [a, b] = [env[one] || undefined, env[other] || undefined]
  if ((a === undefined) !== (b === undefined))
    throw unusable(a === undefined ? one : other, `a value, since ${a === undefined ? other : one} has one`)
  return [a, b]
}

function address(env: NodeJS.ProcessEnv, name: string, otherwise: string): string {
  const url = (env[name] || otherwise).replace(/\/+$/, '')
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw unusable(name, 'an http or https URL')
  return url
}

function unusable(field: string, expected: string): QalError {
  return new QalError('cli_usage', `Cannot use ${field}: expected ${expected}`, { field, expected, exit: 2 })
}
