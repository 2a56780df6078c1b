// The elements in JSX: `import type {} from 'amazon-pay-mandates/react'`. From React 19 on.
import type { DetailedHTMLProps, HTMLAttributes } from 'react'
import type {
  AmazonPayMandates,
  AmazonPaySetup,
  AttributesOfBoth,
  AttributesOfSetup,
  ElementEvents,
} from 'amazon-pay-mandates/elements'

type Listeners = { [Name in keyof ElementEvents as `on${Name}`]?: (event: ElementEvents[Name]) => void }
type Props<Element> = DetailedHTMLProps<HTMLAttributes<Element>, Element> & Listeners

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'amazon-pay-setup': Props<AmazonPaySetup> & AttributesOfSetup & Partial<Pick<AmazonPaySetup, 'getToken' | 'client'>>
      'amazon-pay-mandates': Props<AmazonPayMandates> & AttributesOfBoth & Partial<Pick<AmazonPayMandates, 'getToken' | 'client'>>
    }
  }
}
