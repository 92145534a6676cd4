/** What is opened, by the vendor's names for Kotlin. */
package com.ditto.kotlin

import live.ditto.DittoAuthenticationCallback as JavaCallback
import live.ditto.DittoAuthenticator as JavaAuthenticator
import live.ditto.DittoConfig as JavaConfig
import live.ditto.DittoIdentity as JavaIdentity

/**
 * What is opened: [databaseId] is the app at the server. Where no server is named it is that of the environment
 * (`HEADWATER_URL`), or this machine's.
 */
data class DittoConfig(
    val databaseId: String,
    val connect: Connect = Connect.Server(),
    val persistenceDirectory: String? = null,
    /** DQL's strict mode. */
    val strict: Boolean = false,
    /** A key of the server. */
    val token: String? = null,
    /** In PEM, of servers that made their own. */
    val caCertificates: List<String> = emptyList(),
) {
    /** Whom it syncs with. */
    sealed class Connect {
        /** A server. */
        data class Server(val url: String? = null) : Connect()

        /** Nobody: peers do not know of each other. */
        data class SmallPeersOnly(val privateKey: String? = null) : Connect()
    }

    internal fun java(): JavaConfig {
        val builder = JavaConfig.Builder(databaseId).strict(strict).token(token)
        when (connect) {
            is Connect.Server -> builder.serverConnect(connect.url)
            is Connect.SmallPeersOnly -> builder.smallPeersOnlyConnect()
        }
        persistenceDirectory?.let { builder.persistenceDirectory(it) }
        if (caCertificates.isNotEmpty()) builder.caCertificates(caCertificates)
        return builder.build()
    }
}

/** Who a peer is, in the vendor's older way. */
sealed class DittoIdentity {
    internal abstract fun java(): JavaIdentity

    /** With a key of the server, or an empty one where none is needed; [customAuthUrl] is where the server is. */
    class OnlinePlayground(
        private val dependencies: DittoDependencies?,
        private val appId: String,
        private val token: String,
        private val enableDittoCloudSync: Boolean = false,
        private val customAuthUrl: String? = null,
    ) : DittoIdentity() {
        override fun java() =
            JavaIdentity.OnlinePlayground(dependencies, appId, token, enableDittoCloudSync, customAuthUrl)
    }

    /** With a function that logs in. */
    class OnlineWithAuthentication(
        private val dependencies: DittoDependencies?,
        private val appId: String,
        private val callback: DittoAuthenticationCallback,
        private val enableDittoCloudSync: Boolean = false,
        private val customAuthUrl: String? = null,
    ) : DittoIdentity() {
        override fun java() =
            JavaIdentity.OnlineWithAuthentication(dependencies, appId, asked, enableDittoCloudSync, customAuthUrl)

        private val asked
            get() = object : JavaCallback {
                override fun authenticationRequired(authenticator: JavaAuthenticator) =
                    callback.authenticationRequired(DittoAuthenticator(authenticator, null))

                override fun authenticationExpiringSoon(authenticator: JavaAuthenticator, secondsRemaining: Long) =
                    callback.authenticationExpiringSoon(DittoAuthenticator(authenticator, null), secondsRemaining)
            }
    }

    /** Without a server. */
    class OfflinePlayground(
        private val dependencies: DittoDependencies? = null,
        private val appId: String = "",
    ) : DittoIdentity() {
        override fun java() = JavaIdentity.OfflinePlayground(dependencies, appId)
    }
}
