/**
 * What is observed, as flows.
 *
 * Invariants: a flow is cold, and each collector watches by itself: it gets what is so now first, then the newest
 * whenever it is ready for more; its watch ends with its cancellation. A flow ends when the peer is closed.
 */
package com.headwater.kotlin

import com.headwater.Find
import com.headwater.Store
import com.headwater.Sync
import java.util.concurrent.Flow.Publisher
import java.util.concurrent.Flow.Subscriber
import java.util.concurrent.Flow.Subscription
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.conflate

/** What a SELECT gives now, and again whenever that may be something else. */
fun Store.flow(statement: String, args: Map<String, Any?>? = null): Flow<List<Map<String, Any?>>> =
    observe(statement, args).asFlow()

/** The documents now, and again whenever they may be others. */
fun Find.flow(): Flow<List<Map<String, Any?>>> = stream().asFlow()

/** Where sync stands, now and whenever it stands elsewhere. */
fun Sync.stateFlow(): Flow<String> = states().asFlow()

internal fun <T : Any> Publisher<T>.asFlow(): Flow<T> = callbackFlow {
    lateinit var subscription: Subscription
    subscribe(object : Subscriber<T> {
        override fun onSubscribe(begun: Subscription) {
            subscription = begun
            begun.request(Long.MAX_VALUE)
        }

        override fun onNext(event: T) {
            trySend(event)
        }

        override fun onError(error: Throwable) {
            close(error)
        }

        override fun onComplete() {
            close()
        }
    })
    awaitClose { subscription.cancel() }
}.conflate()
