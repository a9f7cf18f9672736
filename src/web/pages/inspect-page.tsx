import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import { InspectView } from '../islands/inspect/inspect-view.tsx'
import { IDLE, type InspectActions, type InspectState } from '../islands/inspect/state.ts'
import type { PageContext } from '../page-types.ts'

const nothing = (): void => {}
/** On the server there is nobody to act. */
const INERT: InspectActions = {
  take: nothing,
  show: nothing,
  claim: nothing,
  cancel: nothing,
  hashAgain: nothing,
  askAgain: nothing,
}

interface InspectPageProps {
  context: PageContext
  /** What is shown before the island takes over; the page's tests also show its other states. */
  state?: InspectState
}

/** Look into a model or a .torrent without uploading it. */
export function InspectPage({ context, state = IDLE }: InspectPageProps) {
  return (
    <Layout
      context={context}
      title="Inspect a file"
      description="Drop a GGUF model or a .torrent: your browser reads it, proves its quantisation tensor by tensor and says what is wrong with it. Nothing is uploaded."
      canonical="/inspect"
      scripts={['inspect']}
    >
      <PageTitle
        word="Inspect a file"
        say="Your browser reads the header, holds every tensor against the label, looks for traps, works out the checksums and asks whether these bytes are listed. Nothing of the file leaves your machine; the site is asked by five digits of its hash."
      />
      <noscript>
        <p class="notice notice-warn">
          This needs JavaScript. In a terminal <code>bin/qal inspect model.gguf</code> says the same.
        </p>
      </noscript>
      <div
        class="stacked"
        data-island="inspect"
        data-state="idle"
        data-phase={state.phase}
        hidden={state === IDLE}
      >
        <InspectView state={state} act={INERT} />
      </div>
    </Layout>
  )
}
