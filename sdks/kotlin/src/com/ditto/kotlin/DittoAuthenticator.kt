/** Logging in, by the vendor's names for Kotlin. */
package com.ditto.kotlin

import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import live.ditto.DittoAuthenticator as JavaAuthenticator

/** Who logs in. */
fun interface DittoAuthenticationCallback {
    /** The server does not take the token, or there is none: [DittoAuthenticator.login] is to be called. */
    fun authenticationRequired(authenticator: DittoAuthenticator)

    /** The token ends in so many seconds; unless it is said otherwise, this is as [authenticationRequired]. */
    fun authenticationExpiringSoon(authenticator: DittoAuthenticator, secondsRemaining: Long): Unit =
        authenticationRequired(authenticator)
}

/**
 * Logs users in. With a provider the server asks the app's login hook; with the one for development the token is a key of the
 * server.
 */
class DittoAuthenticator internal constructor(private val java: JavaAuthenticator, private val ditto: Ditto?) {
    /** Whether there is a server to log in to. */
    val isLoginSupported: Boolean get() = java.isLoginSupported

    /** Whether the server has taken the token, as far as [observeStatus] has told. */
    val isAuthenticated: Boolean get() = java.isAuthenticated

    /** Who has logged in, as the app's login hook says; null where a key was given. */
    val userId: String? get() = java.userId

    /**
     * Is called whenever the server does not take the token, and a minute before that ends, with the seconds that are left,
     * and logs in: there is no refresh token. Where it does not, it is called again later. Each call is a coroutine of its own.
     */
    var expirationHandler: (suspend (ditto: Ditto, secondsRemaining: Int) -> Unit)? = null
        set(handler) {
            field = handler
            val asking = ditto
            if (handler == null || asking == null) {
                java.setExpirationHandler(null)
            } else {
                java.setExpirationHandler { _, seconds -> scope.launch { handler(asking, seconds) } }
            }
        }

    /** Logs in; throws [DittoError] `rejected`, `timed_out` or `no_server`. Who is cancelled only stops waiting. */
    suspend fun login(token: String, provider: String): Unit = suspendCancellableCoroutine { waiting ->
        java.login(token, provider) { _, error ->
            if (error == null) waiting.resume(Unit) else waiting.resumeWithException(error)
        }
    }

    /** The same; the function is told what went wrong, or null. */
    fun login(token: String, provider: String, told: (clientInfo: String?, error: DittoError?) -> Unit) =
        java.login(token, provider) { info, error -> told(info, error) }

    /** Ends sync. What is here stays. */
    fun logout() = java.logout()

    /** Calls [callback] with whether the server has taken the token, now and whenever that changes. */
    fun observeStatus(callback: (isAuthenticated: Boolean) -> Unit): AutoCloseable = java.observeStatus(callback)

    companion object {
        /** The provider of tokens for development: keys of the server. */
        const val DEVELOPMENT_PROVIDER: String = JavaAuthenticator.DEVELOPMENT_PROVIDER

        /** Handlers run here: not on the thread of callbacks, on which logins are answered. */
        private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    }
}
