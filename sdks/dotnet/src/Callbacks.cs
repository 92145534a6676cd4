// What an app gave to be called, and what becomes of what it throws.
//
// Invariants: an exception of a callback never gets into the library, and harms no other callback.

using System;
using System.Threading;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>What a callback threw.</summary>
    public sealed class CallbackExceptionEventArgs : EventArgs
    {
        internal CallbackExceptionEventArgs(Exception exception)
        {
            Exception = exception;
        }

        /// <summary>What was thrown.</summary>
        public Exception Exception { get; }
    }

    /// <summary>What becomes of exceptions that callbacks throw.</summary>
    public static class Callbacks
    {
        /// <summary>
        /// Is told what a callback threw, on the thread on which it ran, and of results that an observer without
        /// `onError` cannot have. While nobody listens, a line is written to the standard error.
        /// </summary>
        public static event EventHandler<CallbackExceptionEventArgs> UnhandledException;

        /// <summary>Runs a callback, if there is one.</summary>
        internal static void Run(Action callback)
        {
            try
            {
                callback?.Invoke();
            }
            catch (Exception error) when (!(error is ThreadAbortException))
            {
                Report(error);
            }
        }

        /// <summary>Reports what a callback's task fails with.</summary>
        internal static void Observe(Task task)
        {
            task?.ContinueWith(
                failed => Report(failed.Exception?.InnerException ?? failed.Exception),
                TaskContinuationOptions.OnlyOnFaulted);
        }

        internal static void Report(Exception error)
        {
            try
            {
                var listeners = UnhandledException;
                if (listeners == null)
                {
                    Console.Error.WriteLine("headwater: a callback failed: " + error);
                    return;
                }
                listeners(null, new CallbackExceptionEventArgs(error));
            }
            catch (Exception worse)
            {
                Console.Error.WriteLine("headwater: Callbacks.UnhandledException failed: " + worse);
            }
        }
    }
}
