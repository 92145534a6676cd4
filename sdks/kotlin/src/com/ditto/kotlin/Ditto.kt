/** A peer that is open, by the vendor's names for Kotlin. */
package com.ditto.kotlin

import live.ditto.DittoPresence
import live.ditto.DittoSync
import live.ditto.DittoTransportConfig
import live.ditto.Ditto as JavaDitto

/** Opens peers. */
object DittoFactory {
    /** Opens a peer; throws [DittoError] if it cannot be opened. */
    fun create(config: DittoConfig): Ditto = Ditto(JavaDitto(config.java()))

    /** The same in the vendor's older way. */
    fun create(dependencies: DittoDependencies, identity: DittoIdentity): Ditto = Ditto(dependencies, identity)
}

/** A small peer. */
class Ditto internal constructor(private val java: JavaDitto) : AutoCloseable {
    /** Opens a peer in the vendor's older way. */
    constructor(dependencies: DittoDependencies, identity: DittoIdentity) : this(JavaDitto(dependencies, identity.java()))

    /** The documents. */
    val store = DittoStore(java.store)

    /** Subscriptions, and sync on and off. */
    val sync: DittoSync = java.sync

    /** Logging in. */
    val auth = DittoAuthenticator(java.auth, this)

    /** Who is there. */
    val presence: DittoPresence = java.presence

    /** The app at the server. */
    val appId: String get() = java.appId

    /** The folder. */
    val persistenceDirectory: String get() = java.persistenceDirectory

    /** Whether sync was started. */
    val isSyncActive: Boolean get() = java.isSyncActive

    /** Whether it was closed. */
    val isClosed: Boolean get() = java.isClosed

    /** What others would see of it. */
    var deviceName: String by java::deviceName

    /** Connects, and connects again whenever the connection is lost. */
    fun startSync() = java.startSync()

    /** Ends the connection. Local work goes on. */
    fun stopSync() = java.stopSync()

    /** Nothing: there is one protocol. */
    fun disableSyncWithV3() = java.disableSyncWithV3()

    /** Lets an app say something of transports, which means nothing here. */
    fun updateTransportConfig(update: (DittoTransportConfig) -> Unit) = java.updateTransportConfig(update)

    /** Closes the peer, and waits until its files are closed. */
    override fun close() = java.close()
}
