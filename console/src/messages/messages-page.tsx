import { PageHeading } from '../components/heading.tsx'

export function MessagesPage() {
  return <PageHeading title="Messages" />
}
