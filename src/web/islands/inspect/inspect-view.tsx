import { useMemo, useState } from 'preact/hooks'
import { Panel } from '../../components/bits.tsx'
import { formatBytes, formatCount } from '../format.ts'
import { Danger } from './danger.tsx'
import { ModelView } from './model-view.tsx'
import type { FileFacts } from './report.ts'
import { SafeText } from './safe-text.tsx'
import type { InspectActions, InspectState } from './state.ts'
import { TorrentRefusedView, TorrentView } from './torrent-view.tsx'
import { summaryOf } from './verdict.ts'

interface InspectViewProps {
  state: InspectState
  act: InspectActions
}

/** The whole tool: where files are dropped, and all that was found in them. */
export function InspectView({ state, act }: InspectViewProps) {
  const { report, known } = state
  const inspection = report?.kind === 'model' ? report.inspection : null
  const danger = useMemo(() => <Danger inspection={inspection} known={known} />, [inspection, known])
  return (
    <>
      <Ask state={state} act={act} />
      <p class="inspect-said" role="status" aria-live="polite">
        {sayingOf(state)}
      </p>
      {danger}
      {report === null ? null : report.kind === 'model' ? (
        <ModelView report={report} state={state} act={act} />
      ) : report.kind === 'torrent' ? (
        <TorrentView report={report} known={known} act={act} />
      ) : (
        <TorrentRefusedView report={report} />
      )}
    </>
  )
}

function sayingOf({ phase, groups, shown, report, failure }: InspectState): string {
  const name = groups[shown]?.[0]?.name.slice(0, 120) ?? 'the file'
  if (phase === 'idle') return ''
  if (phase === 'reading') return `Reading the header of ${name} …`
  if (phase === 'failed')
    return `Cannot read ${name}: ${failure}. Choose it again if it was moved or changed.`
  if (report?.kind === 'model') return summaryOf(report.inspection)
  return report?.kind === 'torrent' ? `${name}: a torrent that can be read.` : `${name}: a refused .torrent.`
}

function Ask({ state, act }: InspectViewProps) {
  const [over, hover] = useState(false)
  return (
    <Panel title="A file" code="stays on your machine" kind="tool inspect-ask">
      <div class="inspect-fields">
        <label
          class={`drop drop-many${over ? ' drop-over' : ''}`}
          onDragOver={() => hover(true)}
          onDragLeave={() => hover(false)}
          onDrop={() => hover(false)}
        >
          <span>Choose a model or a .torrent, or drop it anywhere on this page</span>
          <input
            type="file"
            multiple
            data-part="input"
            onChange={(event) => {
              const files = [...(event.currentTarget.files ?? [])]
              // Cleared so that choosing the same file again asks again.
              event.currentTarget.value = ''
              act.take(files)
            }}
          />
          <span class="quiet-text">Of a split model choose all shards together.</span>
        </label>
        <LabelField state={state} act={act} />
      </div>
      {state.groups.length > 1 ? <Chooser state={state} act={act} /> : null}
    </Panel>
  )
}

/** What it was sold as: a claim beside those that the file itself makes. */
function LabelField({ state, act }: InspectViewProps) {
  const [text, write] = useState(state.label)
  const { labelProblem } = state
  return (
    <form
      class="field inspect-label"
      onSubmit={(event) => {
        event.preventDefault()
        act.claim(text)
      }}
    >
      <label for="label">What was it sold as?</label>
      <p class="field-hint" id="label-hint">
        Optional: a quantisation such as Q4_K_M, to hold against the tensors.
      </p>
      <div class="inspect-claim">
        <input
          id="label"
          class="mono"
          value={text}
          maxLength={24}
          autocomplete="off"
          spellcheck={false}
          aria-describedby={labelProblem === null ? 'label-hint' : 'label-hint label-error'}
          aria-invalid={labelProblem === null ? undefined : 'true'}
          onInput={(event) => write(event.currentTarget.value)}
        />
        <button type="submit" class="button button-small">
          Compare
        </button>
      </div>
      {labelProblem === null ? null : (
        <p class="field-error" id="label-error" role="alert">
          {labelProblem}
        </p>
      )}
    </form>
  )
}

/** Several files that do not belong together are looked at one after the other. */
function Chooser({ state: { groups, shown }, act }: InspectViewProps) {
  return (
    <fieldset class="inspect-chooser">
      <legend>{formatCount(groups.length)} were dropped; look at</legend>
      {groups.slice(0, 50).map((group, index) => (
        <label key={index}>
          <input type="radio" name="shown" checked={index === shown} onChange={() => act.show(index)} />
          <GroupName group={group} />
        </label>
      ))}
    </fieldset>
  )
}

function GroupName({ group }: { group: FileFacts[] }) {
  const size = group.reduce((sum, file) => sum + file.size, 0)
  return (
    <span>
      <SafeText text={group[0]?.name ?? ''} limit={120} />{' '}
      <span class="quiet-text">
        {group.length > 1 ? `${formatCount(group.length)} shards, ` : ''}
        {formatBytes(size)}
      </span>
    </span>
  )
}
