import { Panel } from '../components/bits.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import type { SignInStepProps } from '../page-types.ts'

/** The one step between an account that was shown and being signed in. */
export function SignInStepPage(props: SignInStepProps) {
  const { context, step } = props
  return (
    <Layout context={context} title="Sign in" description="Sign in without a password.">
      <PageTitle word="Sign in" say="There are no passwords here, so none can leak." />
      <div class="pair">{step === 'confirm' ? <Confirm {...props} /> : <ChooseHandle {...props} />}</div>
    </Layout>
  )
}

function Confirm({ ticket, account, handle }: SignInStepProps) {
  return (
    <Panel title="By e-mail" code="one press more">
      <form method="post" action={`/sign-in/email/${ticket}`} class="stack">
        <p>
          {handle === null
            ? `Continue with ${account}. This address is new here, or you are adding it to your account.`
            : `Continue with ${account}, which belongs to @${handle}.`}
        </p>
        <button type="submit" class="button button-main">
          Continue
        </button>
      </form>
    </Panel>
  )
}

function ChooseHandle({ ticket, account, suggestion, error }: SignInStepProps) {
  return (
    <Panel title="Choose a handle" code="you are new here">
      <form method="post" action="/sign-in/handle" class="stack">
        <p>{account} is shown to be yours. The site keeps a code of it, not the account itself.</p>
        <label for="handle">Handle</label>
        <p class="field-hint" id="handle-hint">
          2 to 32 of a–z, 0–9, _ and -. Everyone sees it, and it stays yours.
        </p>
        {error === null ? null : (
          <p class="field-error" id="handle-error" role="alert">
            {error}
          </p>
        )}
        <input
          id="handle"
          name="handle"
          value={suggestion}
          required
          minLength={2}
          maxLength={32}
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          aria-invalid={error === null ? undefined : 'true'}
          aria-describedby={error === null ? 'handle-hint' : 'handle-hint handle-error'}
        />
        <input type="hidden" name="ticket" value={ticket} />
        <button type="submit" class="button button-main">
          Join
        </button>
      </form>
    </Panel>
  )
}
