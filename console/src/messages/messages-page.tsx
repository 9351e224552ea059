import { PageHeading } from '../components/heading.tsx'
import { Tabs } from '../components/tabs.tsx'
import { useServices } from '../services.ts'
import { DeadLetters } from './dead-letters.tsx'
import { DryRun } from './dry-run.tsx'
import { LiveTail } from './live-tail.tsx'
import { tabUrl } from './message-filter.ts'
import { Search } from './search.tsx'
import '../styles/marks.css'
import './messages.css'

const tabs = [
  { name: '', title: 'Live' },
  { name: 'search', title: 'Search' },
  { name: 'dead-letters', title: 'Dead letters' },
  { name: 'replay', title: 'Dry run' },
]

/** What arrived: as it comes, in the log, once more in a dry run, and what had no effect. The filter goes along. */
export function MessagesPage() {
  const { navigation } = useServices()
  const { query } = navigation.place.value
  const wanted = query.get('tab') ?? ''
  const tab = tabs.some(({ name }) => name === wanted) ? wanted : ''
  return (
    <>
      <PageHeading title="Messages" />
      <Tabs
        label="Parts of this page"
        tabs={tabs.map(({ name, title }) => ({ href: tabUrl(name, query), title, here: name === tab }))}
      />
      {tab === '' ? <LiveTail /> : null}
      {tab === 'search' ? <Search /> : null}
      {tab === 'dead-letters' ? <DeadLetters /> : null}
      {tab === 'replay' ? <DryRun /> : null}
    </>
  )
}
