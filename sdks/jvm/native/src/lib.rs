//! The native library of the jar `headwater`: messages in and out of a peer, as bytes. Its functions are the methods of
//! `com.headwater.internal.Native`.
//!
//! Invariants: whatever number Java passes, there is an answer and no harm; no panic leaves a function: it is an answer
//! too; what comes later is handed to the peer's `Callbacks`, which keep it for a thread of Java's.
//! Not here: what messages say (`peer-calls`), the thread that runs an app's callbacks (`sdks/jvm/java`).

mod inbox;
mod peers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use headwater_sdk::bindings::Binding;
use jni::{
    JNIEnv,
    errors::Result,
    objects::{JByteArray, JClass, JLongArray, JObject},
    sys::{jboolean, jint, jlong},
};
use peer_calls::{CallError, Code, Format, encode_error};

use self::{inbox::Inbox, peers::Peer};

/// Which list of calls the library has.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_headwater_internal_Native_abi(_: JNIEnv<'_>, _: JClass<'_>) -> jint {
    jint::try_from(peer_calls::ABI).unwrap_or(jint::MAX)
}

/// Opens a peer as the message says, and puts its number into `peer`: null, or the answer that says why it is not open.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_headwater_internal_Native_open<'local>(
    mut env: JNIEnv<'local>,
    _: JClass<'local>,
    config: JByteArray<'local>,
    peer: JLongArray<'local>,
    callbacks: JObject<'local>,
) -> JByteArray<'local> {
    answering(&mut env, |env| {
        let inbox = Inbox::new(env, &callbacks)?;
        let config = env.convert_byte_array(&config)?;
        let opened = protected(&config, || Binding::open(&config)).and_then(|opened| opened);
        match opened {
            Ok(binding) => {
                let number = peers::add(Peer { binding, inbox });
                env.set_long_array_region(&peer, 0, &[number])?;
                Ok(None)
            }
            Err(answer) => Ok(Some(answer)),
        }
    })
}

/// The answer to a request. Waits for it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_headwater_internal_Native_call<'local>(
    mut env: JNIEnv<'local>,
    _: JClass<'local>,
    peer: jlong,
    request: JByteArray<'local>,
) -> JByteArray<'local> {
    answering(&mut env, |env| {
        let request = env.convert_byte_array(&request)?;
        let Some(peer) = peers::get(peer) else { return Ok(Some(closed(&request))) };
        Ok(Some(protected(&request, || peer.binding.call(&request)).unwrap_or_else(|answer| answer)))
    })
}

/// Has a request answered: the answer comes with the number. Whether the peer is open.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_headwater_internal_Native_callLater<'local>(
    mut env: JNIEnv<'local>,
    _: JClass<'local>,
    peer: jlong,
    number: jlong,
    request: JByteArray<'local>,
) -> jboolean {
    let begin = |env: &mut JNIEnv<'local>| {
        let request = env.convert_byte_array(&request)?;
        let Some(Peer { binding, inbox }) = peers::get(peer) else { return Ok(false) };
        let failed = inbox.clone();
        let begun = protected(&request, || binding.call_async(&request, move |answer| inbox.tell(number, answer)));
        if let Err(answer) = begun {
            failed.tell(number, &answer);
        }
        Ok(true)
    };
    shielded(&mut env, begin).unwrap_or(false).into()
}

/// Has events told with the number, and puts that of the watch into `watch`: null, or the answer that says why it is
/// not watched.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_headwater_internal_Native_subscribe<'local>(
    mut env: JNIEnv<'local>,
    _: JClass<'local>,
    peer: jlong,
    number: jlong,
    request: JByteArray<'local>,
    watch: JLongArray<'local>,
) -> JByteArray<'local> {
    answering(&mut env, |env| {
        let request = env.convert_byte_array(&request)?;
        let Some(Peer { binding, inbox }) = peers::get(peer) else { return Ok(Some(closed(&request))) };
        let watched = protected(&request, || binding.subscribe(&request, move |event| inbox.tell(number, event)));
        match watched.and_then(|watched| watched) {
            Ok(it) => {
                env.set_long_array_region(&watch, 0, &[jlong::try_from(it).unwrap_or(jlong::MAX)])?;
                Ok(None)
            }
            Err(answer) => Ok(Some(answer)),
        }
    })
}

/// Ends a watch: after this has returned none of its events is handed over. A number that is none does nothing.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_headwater_internal_Native_unsubscribe(
    mut env: JNIEnv<'_>,
    _: JClass<'_>,
    peer: jlong,
    watch: jlong,
) {
    shielded(&mut env, |_| {
        if let (Some(peer), Ok(watch)) = (peers::get(peer), u64::try_from(watch)) {
            peer.binding.unsubscribe(watch);
        }
        Ok(())
    });
}

/// Closes a peer, and waits until its files are closed and every answer is handed over. A number that is none does
/// nothing.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_headwater_internal_Native_close(mut env: JNIEnv<'_>, _: JClass<'_>, peer: jlong) {
    shielded(&mut env, |_| {
        if let Some(peer) = peers::remove(peer) {
            peer.binding.close();
        }
        Ok(())
    });
}

/// Runs what gives bytes to Java. Where Java has no room for them an exception of its own is thrown.
fn answering<'local>(
    env: &mut JNIEnv<'local>,
    run: impl FnOnce(&mut JNIEnv<'local>) -> Result<Option<Vec<u8>>>,
) -> JByteArray<'local> {
    let run = |env: &mut JNIEnv<'local>| match run(env)? {
        Some(bytes) => env.byte_array_from_slice(&bytes).map(Some),
        None => Ok(None),
    };
    shielded(env, run).flatten().unwrap_or_default()
}

/// Runs what may panic, and what may fail: then there is an exception of Java's, and nothing is given.
fn shielded<'local, T>(env: &mut JNIEnv<'local>, run: impl FnOnce(&mut JNIEnv<'local>) -> Result<T>) -> Option<T> {
    let fault = match catch_unwind(AssertUnwindSafe(|| run(env))) {
        Ok(Ok(given)) => return Some(given),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "a fault of the library; stderr says more".to_owned(),
    };
    if !env.exception_check().unwrap_or(true) {
        let _ = env.throw_new("java/lang/IllegalStateException", fault); // it is thrown, or another is
    }
    None
}

/// Runs what may panic: then it is an answer as well.
fn protected<T>(request: &[u8], run: impl FnOnce() -> T) -> std::result::Result<T, Vec<u8>> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| refused(request, Code::Internal, "a fault of the library; stderr says more"))
}

fn closed(request: &[u8]) -> Vec<u8> {
    refused(request, Code::Closed, "the peer is closed")
}

fn refused(request: &[u8], code: Code, message: &str) -> Vec<u8> {
    encode_error(Format::of(request), &CallError::new(code, message))
}
