import { QalError } from '../core/error.ts'
import { hubBase } from '../core/hub.ts'

export interface ServeSettings {
  port: number
  host: string
  data: string
}

/** The options that `npm start` and `bin/qal serve` share, with their defaults. */
export const SERVE_DEFAULTS = { port: '8080', host: '127.0.0.1', data: './data' } as const

/** Checks the options; throws `cli_usage`. */
export function parseServeSettings(options: { port: string; host: string; data: string }): ServeSettings {
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535 || options.port.trim() === '')
    throw new QalError('cli_usage', `Cannot listen on port ${options.port}: expected 0 to 65535`, {
      field: '--port',
      expected: '0 to 65535, 0 for any free one',
      exit: 2,
    })
  return { port, host: options.host, data: options.data }
}

/** The address of the publishers' hub; throws `cli_usage` for what is none. */
export function hubUrl(configured: string | undefined): string {
  const base = hubBase(configured)
  const url = URL.parse(base)
  const usable = /^https?:$/.test(url?.protocol ?? '') && url?.username === '' && !/[?#]/.test(base)
  if (!usable || base.length > 200)
    throw new QalError(
      'cli_usage',
      `Cannot use QAL_HF_URL ${base}: expected such as https://huggingface.co`,
      {
        field: 'QAL_HF_URL',
        expected: 'an http or https URL without a query',
        exit: 2,
      },
    )
  return base
}

/** Whether a host name or address is this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
