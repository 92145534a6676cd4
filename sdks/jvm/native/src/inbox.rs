//! What is told to Java: answers that come later, and events.
//!
//! Invariants: whoever tells is attached to Java as a daemon, so that it does not keep a program from ending, and is
//! detached when its thread ends; nothing of Java's is left behind by telling; an exception there harms nobody here.

use std::sync::Arc;

use jni::{
    JNIEnv, JavaVM,
    errors::Result,
    objects::{GlobalRef, JMethodID, JObject, JValue},
    signature::{Primitive, ReturnType},
};

/// The `Callbacks` of a peer, in Java.
#[derive(Clone)]
pub(crate) struct Inbox {
    inner: Arc<Inner>,
}

struct Inner {
    vm: JavaVM,
    callbacks: GlobalRef,
    /// `void told(long number, byte[] message)`
    told: JMethodID,
}

impl Inbox {
    pub(crate) fn new(env: &mut JNIEnv<'_>, callbacks: &JObject<'_>) -> Result<Self> {
        let class = env.get_object_class(callbacks)?;
        let told = env.get_method_id(&class, "told", "(J[B)V")?;
        let inner = Inner { vm: env.get_java_vm()?, callbacks: env.new_global_ref(callbacks)?, told };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Hands a message over. It is lost only where Java has no memory for it, which Java says by itself.
    pub(crate) fn tell(&self, number: i64, message: &[u8]) {
        let Ok(mut env) = self.inner.vm.attach_current_thread_as_daemon() else { return };
        if self.inner.hand_over(&mut env, number, message).is_err() {
            let _ = env.exception_describe();
            let _ = env.exception_clear();
        }
    }
}

impl Inner {
    fn hand_over(&self, env: &mut JNIEnv<'_>, number: i64, message: &[u8]) -> Result<()> {
        let bytes = env.auto_local(env.byte_array_from_slice(message)?);
        let arguments = [JValue::from(number).as_jni(), JValue::from(&*bytes).as_jni()];
        // SAFETY: the method is one of the object's class, which the object keeps loaded, and takes a long and a byte[].
        unsafe {
            env.call_method_unchecked(&self.callbacks, self.told, ReturnType::Primitive(Primitive::Void), &arguments)?
        };
        Ok(())
    }
}
