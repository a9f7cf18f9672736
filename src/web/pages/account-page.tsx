import { Code, Day, Missing, Panel, State } from '../components/bits.tsx'
import { Field } from '../components/field.tsx'
import { KeyList } from '../components/key-list.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import type { AccountPageProps } from '../page-types.ts'

const SCOPE_WORDS = {
  submit: 'Submit listings and act on your own',
  community: 'Rate, comment, report, attest and endorse',
  review: 'Review and moderate, where your role allows it',
  verify: 'Record verifications, where your role allows it',
} as const

/** A member's own account: what proves who they are, their keys, tokens and sessions. */
export function AccountPage(props: AccountPageProps) {
  const { context, member, notice, newToken, form } = props
  return (
    <Layout context={context} title="Your account" description="Identities, keys, tokens." scripts={['copy']}>
      <PageTitle word="Account" say={`You are @${member.handle}. Nobody else sees this page.`} />
      {notice === null ? null : (
        <p class="notice notice-ok" role="status">
          {notice}
        </p>
      )}
      {form.problem === null ? null : (
        <p class="notice notice-bad" role="alert">
          {form.problem.title}: {form.problem.detail}
        </p>
      )}
      {newToken === null ? null : (
        <div class="notice notice-ok" role="status">
          <p>Your new token. It is shown this once and stored as a digest only: copy it now.</p>
          <Code text={newToken} what="token" />
        </div>
      )}
      <div class="account">
        <Identities {...props} />
        <Keys {...props} />
        <Tokens {...props} />
        <Panel title="Sessions">
          <form method="post" action="/account/sign-out" class="stack">
            <p>Signs you out in every browser, this one too. Tokens stay; revoke them one by one.</p>
            <button type="submit" class="button">
              Sign out everywhere
            </button>
          </form>
        </Panel>
      </div>
    </Layout>
  )
}

function Identities({ member, ways }: AccountPageProps) {
  const has = (kind: 'github' | 'email' | 'openpgp') => member.identity.includes(kind)
  return (
    <Panel title="Identities" code={<a href="/trust#t20">rule T20</a>}>
      <p>
        One is needed for Community and for your reports to count; e-mail or GitHub for Trusted. The record
        says which kind you proved, never which account.
      </p>
      <ul class="plain stack">
        <li>
          GitHub: {has('github') ? <Proved kind="github" /> : <Missing word="not proved" />}{' '}
          {ways.github && !has('github') ? (
            <a class="button" href="/sign-in/github?link=1">
              Add GitHub
            </a>
          ) : null}
        </li>
        <li>
          E-mail: {has('email') ? <Proved kind="email" /> : <Missing word="not proved" />}
          {ways.email && !has('email') ? (
            <form method="post" action="/sign-in/email" class="stack">
              <label for="add-email">E-mail address</label>
              <input id="add-email" name="email" type="email" required maxLength={254} autocomplete="email" />
              <input type="hidden" name="link" value="1" />
              <button type="submit" class="button">
                Send a link
              </button>
            </form>
          ) : null}
        </li>
        <li>
          OpenPGP:{' '}
          {has('openpgp') ? <Proved kind="openpgp" /> : <Missing word="not proved: register a key" />}
        </li>
      </ul>
      {ways.github || ways.email ? null : (
        <p class="field-hint">
          This site offers neither GitHub nor e-mail. Its operator can record an identity for you.
        </p>
      )}
    </Panel>
  )
}

function Proved({ kind }: { kind: 'github' | 'email' | 'openpgp' }) {
  return (
    <form method="post" action="/account/identities/remove" class="inline">
      <State word={{ text: 'Proved', tone: 'ok' }} small />
      <input type="hidden" name="kind" value={kind} />
      <button type="submit" class="quiet">
        Remove<span class="sr"> the {kind} identity</span>
      </button>
    </form>
  )
}

function Keys({ member, challenge, form }: AccountPageProps) {
  return (
    <Panel title="OpenPGP keys" code={<a href="/trust#t14">rule T14</a>}>
      <KeyList
        keys={member.keys}
        acts={(key) =>
          key.revoked_at === null ? (
            <form method="post" action="/account/keys/revoke" class="stack">
              <input type="hidden" name="fingerprint" value={key.fingerprint} />
              <label for={`why-${key.fingerprint}`}>Why</label>
              <select id={`why-${key.fingerprint}`} name="why">
                <option value="retired">Retired: what it signed stays good</option>
                <option value="compromised">Compromised: nothing it signed is good</option>
              </select>
              <button type="submit" class="button">
                Revoke
              </button>
            </form>
          ) : null
        }
      />
      <details open={form.errors['public_key'] !== undefined || form.errors['signature'] !== undefined}>
        <summary>Register a key</summary>
        <p>
          Save this text as <code>challenge.txt</code>, sign it with{' '}
          <code>gpg --armor --detach-sign challenge.txt</code>, and paste the signature beside the key from{' '}
          <code>gpg --armor --export</code>. It is good for an hour.
        </p>
        <form method="post" action="/account/keys" class="stack">
          <label for="challenge">Text to sign</label>
          <textarea id="challenge" name="challenge" class="mono" rows={5} readonly value={challenge} />
          <Field form={form} name="signature" label="Signature" required>
            {(control, value) => (
              <textarea {...control} class="mono" rows={5} required spellcheck={false} value={value} />
            )}
          </Field>
          <Field form={form} name="public_key" label="Public key" required>
            {(control, value) => (
              <textarea {...control} class="mono" rows={5} required spellcheck={false} value={value} />
            )}
          </Field>
          <button type="submit" class="button button-main">
            Register
          </button>
        </form>
      </details>
    </Panel>
  )
}

function Tokens({ tokens, form }: AccountPageProps) {
  return (
    <Panel title="API tokens" code={<a href="/guide">the guide</a>}>
      {tokens.length === 0 ? (
        <p>
          <Missing word="no token" />
        </p>
      ) : (
        <ul class="plain keys">
          {tokens.map((token) => (
            <li key={token.id}>
              <p>
                <b>{token.name}</b>: {token.scopes.join(', ')}, {token.expired ? 'expired' : 'until'}{' '}
                <Day at={token.expires_at} />
              </p>
              <form method="post" action="/account/tokens/revoke" class="inline">
                <input type="hidden" name="id" value={token.id} />
                <button type="submit" class="quiet">
                  Revoke<span class="sr"> {token.name}</span>
                </button>
              </form>
            </li>
          ))}
        </ul>
      )}
      <details open={form.errors['scopes'] !== undefined || form.errors['name'] !== undefined}>
        <summary>Make a token</summary>
        <form method="post" action="/account/tokens" class="stack">
          <Field form={form} name="name" label="What it is for" required>
            {(control, value) => <input {...control} value={value} required maxLength={60} />}
          </Field>
          <fieldset>
            <legend>What it may do</legend>
            {Object.entries(SCOPE_WORDS).map(([scope, words]) => (
              <label class="choice" key={scope}>
                <input type="checkbox" name={scope} checked={form.values[scope] === 'on'} /> {words}
              </label>
            ))}
            {form.errors['scopes'] === undefined ? null : (
              <p class="field-error" role="alert">
                {form.errors['scopes']}
              </p>
            )}
          </fieldset>
          <Field form={form} name="days" label="Days until it expires" required>
            {(control, value) => (
              <input {...control} type="number" min={1} max={366} value={value || '30'} required />
            )}
          </Field>
          <button type="submit" class="button button-main">
            Make it
          </button>
        </form>
      </details>
    </Panel>
  )
}
