import type { Condition } from '../../core/views.ts'
import { State } from './bits.tsx'
import { conditionFigures, conditionSentence } from './wording.ts'

/** A rule's conditions with their figures: what is met and what is missing. */
export function Conditions({ conditions, caption }: { conditions: Condition[]; caption: string }) {
  if (conditions.length === 0) return null
  return (
    <table class="conditions">
      <caption>{caption}</caption>
      <thead class="sr">
        <tr>
          <th scope="col">Rule</th>
          <th scope="col">Condition</th>
          <th scope="col">Has / needs</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {conditions.map((condition) => (
          <tr key={`${condition.of}-${condition.rule}`}>
            <td class="mono">
              <a href={`/trust#${/^T\d+/.exec(condition.rule)?.[0] ?? ''}`}>{condition.rule}</a>
            </td>
            <td>{conditionSentence(condition.sentence)}</td>
            <td class="mono condition-figures">
              {conditionFigures(condition.sentence, condition.have, condition.need)}
            </td>
            <td>
              <State
                word={condition.met ? { text: 'Met', tone: 'ok' } : { text: 'Not met', tone: 'quiet' }}
                small
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
