import { Command, Option } from 'commander'
import { Role } from '../core/events.ts'
import { inWords, openStores } from '../deploy/stores.ts'
import type { Scope } from '../store/private.ts'
import { ALL_SCOPES } from '../web/deps.ts'
import {
  ensureMember,
  grantRole,
  issueToken,
  parseHandle,
  proveIdentity,
  registerKey,
} from '../web/commands/members.ts'
import { QalError } from '../core/error.ts'
import { printJson } from './output.ts'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const DAY_MS = 86_400_000

interface TokenOptions {
  as: string
  role?: Role
  scope?: Scope[]
  days: string
  data: string
  key?: string
  identity?: 'email' | 'github'
  json?: boolean
  init?: boolean
}

/** The operator's own commands, at the machine that holds the data. */
export function adminCommand(): Command {
  const token = new Command('token')
    .description('Make a token to sign in or use the API with; joins the member where there is none')
    .requiredOption('--as <handle>', 'the member the token is for')
    .addOption(new Option('--role <role>', 'grant this role first').choices(Role.options))
    .addOption(
      new Option('--scope <scope...>', 'what the token may be used for, capped by the roles').choices(
        ALL_SCOPES,
      ),
    )
    .option('--key <file>', 'register this armored OpenPGP public key for the member')
    .addOption(
      new Option('--identity <kind>', 'record that you know who this is, by e-mail or GitHub').choices([
        'email',
        'github',
      ]),
    )
    .option('--days <n>', 'how long it is valid', '30')
    .option('--data <dir>', 'the data folder', process.env['QAL_DATA'] ?? './data')
    .option('--init', 'make the data folder where there is none')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  bin/qal admin token --as alice
  bin/qal admin token --as mod --role moderator
  bin/qal admin token --as meta --role official --key meta.asc --json

Paste the token on the page /sign-in, or send it as "Authorization: Bearer TOKEN".`,
    )
    .action(makeToken)
  return new Command('admin')
    .description("The operator's commands")
    .addHelpText(
      'after',
      `
Examples:
  bin/qal admin token --as alice
  bin/qal admin token --as mod --role moderator --data /srv/qal

bin/qal admin token --help has more.`,
    )
    .addCommand(token)
}

async function makeToken(options: TokenOptions): Promise<void> {
  const days = Number(options.days)
  if (!Number.isInteger(days) || days < 1 || days > 366)
    throw new QalError('cli_usage', `Cannot make a token for ${options.days} days: expected 1 to 366`, {
      field: '--days',
      expected: '1 to 366',
      exit: 2,
    })
  const handle = parseHandle(options.as)
  if (!options.init && !existsSync(join(options.data, 'ledger.sqlite')))
    throw new QalError(
      'cli_no_site',
      `Cannot make a token: there is no site in ${options.data} yet; start it once, or pass --init`,
      {
        field: '--data',
        expected: 'the data folder of a site',
        exit: 2,
      },
    )
  const stores = await openStores(options.data).catch((error: unknown) => {
    throw inWords(error, { data: options.data, host: '', port: 0 })
  })
  try {
    const member = await ensureMember(stores, handle)
    if (options.role !== undefined) await grantRole(stores, member, options.role)
    if (options.identity !== undefined) await proveIdentity(stores, member, options.identity)
    const fingerprint =
      options.key === undefined
        ? undefined
        : await registerKey(stores, member, await readFile(options.key, 'utf8'))
    const issued = await issueToken(stores, member, options.scope ?? [...ALL_SCOPES], days * DAY_MS)
    if (options.json) printJson({ ...issued, member, handle, ...(fingerprint ? { fingerprint } : {}) })
    else process.stdout.write(`${issued.token}\n`)
  } finally {
    await stores.close()
  }
}
