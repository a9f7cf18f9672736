import { Panel } from '../components/bits.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import type { SignInPageProps } from '../page-types.ts'

/** Signing in without a password: a link on the server's terminal, or an operator's token. */
export function SignInPage({ context, ways, sent, error, next }: SignInPageProps) {
  return (
    <Layout context={context} title="Sign in" description="Sign in without a password.">
      <PageTitle word="Sign in" say="There are no passwords here, so none can leak." />
      {error === null ? null : (
        <p class="notice notice-bad" role="alert" id="sign-in-error">
          {error}
        </p>
      )}
      {sent === null ? null : (
        <p class="notice notice-ok" role="status">
          {sent === 'terminal'
            ? 'The link stands in the terminal that runs this site. Open it in this browser; it works once and for a short time.'
            : 'A link is on its way to that address. It works once, for half an hour; look among the spam too.'}
        </p>
      )}
      {context.member === null ? null : (
        <form class="notice" method="post" action="/sign-out">
          <span>
            You are signed in as <a href={`/members/${context.member.handle}`}>@{context.member.handle}</a>.
            Your identities, keys and tokens are on <a href="/account">your account</a>.
          </span>
          <button type="submit" class="quiet">
            Sign out
          </button>
        </form>
      )}
      <div class="pair">
        {ways.github ? (
          <Panel title="By GitHub" code="proves an identity">
            <div class="stack">
              <p>
                GitHub tells this site your account’s number and name, nothing more. It counts for your tier
                and for your reports.
              </p>
              <a class="button button-main" href={`/sign-in/github?next=${encodeURIComponent(next)}`}>
                Go to GitHub
              </a>
            </div>
          </Panel>
        ) : null}
        {ways.email ? (
          <Panel title="By e-mail" code="proves an identity">
            <form method="post" action="/sign-in/email" class="stack">
              <label for="email">E-mail address</label>
              <p class="field-hint" id="email-hint">
                A link is sent there. The address itself is not stored.
              </p>
              <input
                id="email"
                name="email"
                type="email"
                required
                maxLength={254}
                autocomplete="email"
                aria-describedby={error === null ? 'email-hint' : 'email-hint sign-in-error'}
              />
              <input type="hidden" name="next" value={next} />
              <button type="submit" class="button button-main">
                Send the link
              </button>
            </form>
          </Panel>
        ) : null}
        {ways.terminal ? (
          <Panel title="By link" code="this machine only">
            <form method="post" action="/sign-in" class="stack">
              <label for="handle">Handle</label>
              <p class="field-hint" id="handle-hint">
                2 to 32 of a–z, 0–9, _ and -. A new handle becomes a new member.
              </p>
              <input
                id="handle"
                name="handle"
                required
                minLength={2}
                maxLength={32}
                autocomplete="username"
                autocapitalize="none"
                spellcheck={false}
                aria-describedby={error === null ? 'handle-hint' : 'handle-hint sign-in-error'}
              />
              <input type="hidden" name="next" value={next} />
              <button type="submit" class="button button-main">
                Print the link
              </button>
            </form>
          </Panel>
        ) : null}
        <Panel title="By token" code="bin/qal admin token">
          <form method="post" action="/sign-in/token" class="stack">
            <label for="token">Token</label>
            <p class="field-hint" id="token-hint">
              The operator makes one with <code>bin/qal admin token --as HANDLE</code>.
            </p>
            <input
              id="token"
              name="token"
              type="password"
              required
              maxLength={500}
              autocomplete="off"
              aria-describedby={error === null ? 'token-hint' : 'token-hint sign-in-error'}
            />
            <input type="hidden" name="next" value={next} />
            <button type="submit" class="button">
              Sign in
            </button>
          </form>
        </Panel>
      </div>
    </Layout>
  )
}
