/**
 * Syncs what a folder has: `FlushKt FOLDER SERVER`. It ends when the server has everything, and prints the last
 * transaction that it became.
 */

import com.headwater.Config
import com.headwater.Headwater
import com.headwater.kotlin.awaitFlushed
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds

suspend fun main(arguments: Array<String>) {
    if (arguments.size != 2) {
        System.err.println("usage: flush FOLDER SERVER, as in: flush till-7 http://localhost:8080")
        exitProcess(2)
    }
    val (folder, server) = arguments
    Headwater.open(Config(folder).server(server)).use { headwater ->
        headwater.startSync()
        headwater.sync().awaitFlushed(60.seconds)?.let { println(it) }
    }
}
