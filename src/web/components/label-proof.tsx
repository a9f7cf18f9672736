import type { QuantisationView } from '../../core/views.ts'
import { formatCount } from '../islands/format.ts'
import type { ModelItem, TemplateUseView } from '../page-types.ts'
import { Missing, Panel, State } from './bits.tsx'
import { BitsRail, MatchRail } from './rails.tsx'
import { TemplateFacts } from './template-facts.tsx'
import { isRefused } from './wording.ts'
import type { Word } from './wording.ts'

const MATCH_WORDS: Record<QuantisationView['match'], Word> = {
  exact: { text: 'The label is proven', tone: 'ok' },
  variant: { text: 'A custom mix of what the label says', tone: 'warn' },
  mislabelled: { text: 'The label is wrong', tone: 'bad' },
  unknown: { text: 'The tensors match no known recipe', tone: 'warn' },
  unverified: { text: 'Not proven yet: no verifier has read the tensors', tone: 'warn' },
}

/** What was read were not the bytes that are listed, so it proves nothing of them. */
const OTHER_BYTES: Word = { text: 'Not proven: these are not the published bytes', tone: 'bad' }

function proofWord({ quantisation: { match }, verification, consensus }: ModelItem): Word {
  if (verification.integrity === 'fail') return OTHER_BYTES
  if (match !== 'exact' || !isRefused(consensus)) return MATCH_WORDS[match]
  return {
    text: `Not proven: the tensors fit, but verifiers ${consensus === 'SPLIT' ? 'disagree about' : 'refused'} this file`,
    tone: 'warn',
  }
}

/** The proof of the quantisation label: how many tensors match, and how many bits a weight takes. */
export function LabelProof({ model, templateUses }: { model: ModelItem; templateUses: TemplateUseView[] }) {
  const { quantisation } = model
  const { claimed, proven, matched, total, bits_per_weight } = quantisation
  const word = proofWord(model)
  return (
    <Panel
      title="Label proof"
      code={bits_per_weight === null ? 'not measured' : `${bits_per_weight.toFixed(2)} bits per weight`}
    >
      <p class="proof-word">
        <State word={word} />
      </p>
      <dl class="facts">
        <dt>Label</dt>
        <dd>{claimed ?? <Missing word="no label given" />}</dd>
        <dt>Tensors say</dt>
        <dd>{proven.length > 0 ? proven.join(' or ') : <Missing word="nothing proven" />}</dd>
        <dt>Match</dt>
        <dd>
          {total === 0 ? (
            <Missing word="no tensor compared" />
          ) : (
            <>
              {formatCount(matched)} of {formatCount(total)} tensors
              <MatchRail matched={matched} total={total} proven={word.tone === 'ok'} />
            </>
          )}
        </dd>
        <dt>Weight</dt>
        <dd>
          {bits_per_weight === null ? (
            <Missing word="not measured" />
          ) : (
            <>
              {bits_per_weight.toFixed(2)} bits
              <BitsRail bits={bits_per_weight} />
            </>
          )}
        </dd>
        <dt>Architecture</dt>
        <dd>{model.architecture ?? <Missing word="not read yet" />}</dd>
        <dt>Parameters</dt>
        <dd>{model.parameters === null ? <Missing word="not read yet" /> : formatCount(model.parameters)}</dd>
        <dt>Chat template</dt>
        <dd>
          <TemplateFacts model={model} uses={templateUses} />
        </dd>
      </dl>
    </Panel>
  )
}
