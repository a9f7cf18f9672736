import { Panel } from '../components/bits.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import type { SignInPageProps } from '../page-types.ts'

/** Signing in without a password: a link on the server's terminal, or an operator's token. */
export function SignInPage({ context, terminalLink, sent, error, next }: SignInPageProps) {
  return (
    <Layout context={context} title="Sign in" description="Sign in without a password.">
      <PageTitle word="Sign in" say="There are no passwords here, so none can leak." />
      {error === null ? null : (
        <p class="notice notice-bad" role="alert" id="sign-in-error">
          {error}
        </p>
      )}
      {sent ? (
        <p class="notice notice-ok" role="status">
          The link stands in the terminal that runs this site. Open it in this browser; it works once and for
          a short time.
        </p>
      ) : null}
      {context.member === null ? null : (
        <form class="notice" method="post" action="/sign-out">
          <span>
            You are signed in as <a href={`/members/${context.member.handle}`}>@{context.member.handle}</a>
          </span>
          <button type="submit" class="quiet">
            Sign out
          </button>
        </form>
      )}
      <div class="pair">
        {terminalLink ? (
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
