/** The names that `sdks/kotlin/names.json` promises are there: methods of classes, or extensions of them. */
package com.headwater.kotlin.test

import java.io.File

val nameTests: List<Test> = listOf("every name is there" to ::everyName)

private val NAME = Regex("\"(?:ours|compat)\": \"(\\w+)\\.(\\w+)\"")
private val PACKAGES = listOf("com.headwater.", "com.headwater.MutableDocument$", "com.ditto.kotlin.", "live.ditto.")
private val EXTENSIONS = listOf("com.headwater.kotlin.FlowsKt", "com.headwater.kotlin.SuspendingKt")

private suspend fun everyName() {
    val names = NAME.findAll(File("sdks/kotlin/names.json").readText()).map { it.destructured }.toList()
    check(names.size > 60) { "only ${names.size} names" }
    for ((type, name) in names) {
        val classes = PACKAGES.mapNotNull { runCatching { Class.forName(it + type) }.getOrNull() }
        check(classes.any { isThere(it, name) }) { "there is no $type.$name" }
    }
}

private fun isThere(type: Class<*>, name: String): Boolean {
    val property = "get" + name.replaceFirstChar { it.uppercase() }
    val extensions = EXTENSIONS.flatMap { Class.forName(it).methods.toList() }
        .filter { it.parameterTypes.firstOrNull() == type }
    // Of one that takes a Duration the compiler adds something to the name.
    val names = (type.methods.toList() + extensions).map { it.name.substringBefore('-') }
    return if (name == "constructor") type.constructors.isNotEmpty() else name in names || property in names
}
