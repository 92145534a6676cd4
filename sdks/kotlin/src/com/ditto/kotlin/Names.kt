/** The vendor's names that are the same in Java. Classes that stand in others have Java's package, `live.ditto`. */
package com.ditto.kotlin

typealias DefaultDittoDependencies = live.ditto.DefaultDittoDependencies
typealias DittoCollection = live.ditto.DittoCollection
typealias DittoCounter = live.ditto.DittoCounter
typealias DittoDependencies = live.ditto.DittoDependencies
typealias DittoDocument = live.ditto.DittoDocument
typealias DittoDocumentId = live.ditto.DittoDocumentId
typealias DittoError = live.ditto.DittoError
typealias DittoLiveQuery = live.ditto.DittoLiveQuery
typealias DittoLiveQueryEvent = live.ditto.DittoLiveQueryEvent
typealias DittoLogLevel = live.ditto.DittoLogLevel
typealias DittoLogger = live.ditto.DittoLogger
typealias DittoMutableDocument = live.ditto.DittoMutableDocument
typealias DittoPresence = live.ditto.DittoPresence
typealias DittoQueryResult = live.ditto.DittoQueryResult
typealias DittoQueryResultItem = live.ditto.DittoQueryResultItem
typealias DittoRegister = live.ditto.DittoRegister
typealias DittoSortDirection = live.ditto.DittoSortDirection
typealias DittoStoreObserver = live.ditto.DittoStoreObserver
typealias DittoSubscription = live.ditto.DittoSubscription
typealias DittoSync = live.ditto.DittoSync
typealias DittoSyncSubscription = live.ditto.DittoSyncSubscription
typealias DittoTransportConfig = live.ditto.DittoTransportConfig
typealias DittoWriteStrategy = live.ditto.DittoWriteStrategy
typealias DittoWriteTransaction = live.ditto.DittoWriteTransaction
typealias DittoWriteTransactionResult = live.ditto.DittoWriteTransactionResult
