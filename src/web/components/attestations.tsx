import { formatCount } from '../islands/format.ts'
import type { ModelPageProps } from '../page-types.ts'
import { Missing, Panel } from './bits.tsx'
import { SignInFirst } from './community.tsx'

/** What members found with their own copy (T19). */
export function Attestations({
  context,
  model,
  may,
  mine,
}: Pick<ModelPageProps, 'context' | 'model' | 'may' | 'mine'>) {
  const { attestations } = model.community
  return (
    <Panel
      title="Community testing"
      code={`${formatCount(attestations.members)} ${attestations.members === 1 ? 'member' : 'members'}`}
      id="testing"
    >
      <dl class="facts">
        <dt>Checksum matched</dt>
        <dd>
          {attestations.checksum === 0 ? <Missing word="nobody yet" /> : formatCount(attestations.checksum)}
        </dd>
        <dt>Works</dt>
        <dd>
          {attestations.works === 0 ? <Missing word="nobody yet" /> : formatCount(attestations.works)}
          {attestations.hardware.length === 0 ? null : (
            <ul class="plain">
              {attestations.hardware.slice(0, 10).map(({ name, members }) => (
                <li key={name}>
                  {name} <span class="quiet-text">({formatCount(members)})</span>
                </li>
              ))}
            </ul>
          )}
        </dd>
      </dl>
      {may.rate ? <Forms model={model} mine={mine} /> : <SignInFirst context={context} to="attest" />}
    </Panel>
  )
}

function Forms({ model, mine }: Pick<ModelPageProps, 'model' | 'mine'>) {
  const said = mine?.attestations ?? []
  return (
    <>
      {said.map((kind) => (
        <form method="post" action={`/models/${model.id}/attestations/withdrawal`} class="inline" key={kind}>
          <span>
            {kind === 'checksum' ? 'You attested that the checksum matched.' : 'You attested that it works.'}
          </span>
          <input type="hidden" name="kind" value={kind} />
          <button type="submit" class="quiet">
            Withdraw<span class="sr"> it</span>
          </button>
        </form>
      ))}
      <details>
        <summary>Attest a check of your own</summary>
        <form method="post" action={`/models/${model.id}/attestations`} class="stack">
          <fieldset class="choices">
            <legend>What you found</legend>
            <label>
              <input type="radio" name="kind" value="checksum" required /> The checksum matched
            </label>
            <label>
              <input type="radio" name="kind" value="works" /> It works
            </label>
          </fieldset>
          <label for="attest-sha256">SHA-256 of your file</label>
          <p class="field-hint" id="attest-sha256-hint">
            Take it from your own check: one that differs belongs into a report.
          </p>
          <input
            id="attest-sha256"
            name="sha256"
            class="mono"
            required
            minLength={64}
            maxLength={64}
            pattern="[0-9a-fA-F]{64}"
            spellcheck={false}
            autocomplete="off"
            aria-describedby="attest-sha256-hint"
          />
          <label for="attest-hardware">Hardware, where it works</label>
          <input id="attest-hardware" name="hardware" maxLength={120} placeholder="RTX 3090, 24 GB" />
          <button type="submit" class="button button-small">
            Attest
          </button>
        </form>
      </details>
    </>
  )
}
