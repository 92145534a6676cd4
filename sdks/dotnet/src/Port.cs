// How everything reaches the library: messages in and out of an open peer.
//
// Invariants: an answer's bytes go back to the library that made them; each call that was begun has one answer; a peer
// that syncs, or has a watch, is kept until it is closed, and one that is forgotten is closed.
// Not here: what messages mean (the classes of the app), threads (Executor.cs).

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading.Tasks;

namespace Headwater
{
    internal sealed class Port
    {
        /// <summary>Which list of calls this wrapper knows (sdks/calls.json).</summary>
        private const int Abi = 1;

        private static readonly ConcurrentDictionary<Port, bool> Syncing = new ConcurrentDictionary<Port, bool>();
        private static volatile bool isLibraryChecked;

        private readonly PeerHandle handle;
        private readonly Func<string, string, HeadwaterException> errors;

        private Port(PeerHandle handle, Func<string, string, HeadwaterException> errors)
        {
            this.handle = handle;
            this.errors = errors;
        }

        internal Executor Executor => handle.Executor;

        internal bool IsClosed => handle.IsClosed;

        /// <summary>Opens a peer; <paramref name="errors"/> makes the exceptions of it.</summary>
        /// <exception cref="HeadwaterException">in_use, open_failed, unsupported, …</exception>
        internal static Port Open(Message config, Func<string, string, HeadwaterException> errors)
        {
            if (!isLibraryChecked)
            {
                Native.CheckLibrary();
            }
            var port = new Port(new PeerHandle(OpenNumber(config, errors)), errors);
            if (!isLibraryChecked)
            {
                port.CheckAbi();
                isLibraryChecked = true;
            }
            return port;
        }

        private static unsafe ulong OpenNumber(Message config, Func<string, string, HeadwaterException> errors)
        {
            var request = new Message { { "abi", Abi }, { "sdk", "dotnet" } }.With(config);
            ulong number = 0;
            using (var bytes = new Bytes(request, errors))
            {
                fixed (byte* data = bytes.Data)
                {
                    byte* answer;
                    UIntPtr length;
                    var error = Native.headwater_open(data, bytes.Length, &number, &answer, &length);
                    CheckError(error, answer, length, errors);
                }
            }
            return number;
        }

        private void CheckAbi()
        {
            object abi = null;
            try
            {
                Call(Message.Call("info")).TryGetValue("abi", out abi);
            }
            finally
            {
                if (!Equals(abi, (long)Abi))
                {
                    Close();
                }
            }
            if (!Equals(abi, (long)Abi))
            {
                throw errors(Codes.Unsupported, "this SDK knows list " + Abi + " of calls, the library has " + (abi ?? "none"));
            }
        }

        /// <summary>Calls, and waits for the answer.</summary>
        /// <exception cref="HeadwaterException">what the library says</exception>
        internal unsafe Dictionary<string, object> Call(Message request)
        {
            using (var bytes = new Bytes(request, errors))
            {
                fixed (byte* data = bytes.Data)
                {
                    byte* answer;
                    UIntPtr length;
                    var error = Native.headwater_call(handle.Number, data, bytes.Length, &answer, &length);
                    GC.KeepAlive(handle); // a finaliser would close the peer under the call
                    return Answer(error, answer, length, errors);
                }
            }
        }

        /// <summary>A message of any bytes, in JSON or CBOR, and its answer's bytes: for tests and measurements.</summary>
        internal unsafe byte[] CallBytes(byte[] request)
        {
            fixed (byte* data = request)
            {
                byte* answer;
                UIntPtr length;
                Native.headwater_call(handle.Number, data, (UIntPtr)(uint)request.Length, &answer, &length);
                GC.KeepAlive(handle);
                var bytes = new byte[checked((int)length)];
                Marshal.Copy((IntPtr)answer, bytes, 0, bytes.Length);
                Native.headwater_free(answer, length);
                return bytes;
            }
        }

        /// <summary>Calls; the task has the answer, or a HeadwaterException.</summary>
        internal async Task<Dictionary<string, object>> CallAsync(Message request)
        {
            var answer = await Begin(request).ConfigureAwait(false);
            GC.KeepAlive(handle);
            return Given(CborReader.Read(answer), errors);
        }

        private unsafe Task<byte[]> Begin(Message request)
        {
            var pending = new PendingCall();
            using (var bytes = new Bytes(request, errors))
            {
                fixed (byte* data = bytes.Data)
                {
                    var error = Native.headwater_call_async(
                        handle.Number, data, bytes.Length, Native.OnMessage, Native.OnDrop, Native.Context(pending));
                    if (error != 0)
                    {
                        throw errors(Codes.NameOf(error), "the peer does not take the call");
                    }
                }
            }
            return pending.Answer;
        }

        /// <summary>Begins a watch: its number.</summary>
        /// <exception cref="HeadwaterException">what the library says</exception>
        internal unsafe ulong Subscribe(Message request, Watch watch)
        {
            ulong number = 0;
            using (var bytes = new Bytes(request, errors))
            {
                fixed (byte* data = bytes.Data)
                {
                    byte* answer;
                    UIntPtr length;
                    var error = Native.headwater_subscribe(
                        handle.Number, data, bytes.Length, Native.OnMessage, Native.OnDrop, Native.Context(watch), &number,
                        &answer, &length);
                    GC.KeepAlive(handle);
                    CheckError(error, answer, length, errors);
                }
            }
            return number;
        }

        /// <summary>Ends a watch: nothing comes of it after this has returned.</summary>
        internal void Unsubscribe(ulong watch)
        {
            Native.headwater_unsubscribe(handle.Number, watch);
            GC.KeepAlive(handle);
        }

        /// <summary>Whether the peer syncs, which keeps it from being collected.</summary>
        internal void IsSyncing(bool isSyncing)
        {
            if (isSyncing)
            {
                Syncing[this] = true;
            }
            if (!isSyncing || IsClosed)
            {
                Syncing.TryRemove(this, out _);
            }
        }

        /// <summary>Closes the peer and waits until its files are closed; a second time it does nothing.</summary>
        internal void Close()
        {
            handle.CloseNow();
            IsSyncing(false);
        }

        /// <summary>The exception of an `error` of a message.</summary>
        internal HeadwaterException ErrorOf(Dictionary<string, object> error)
        {
            return ErrorOf(error, errors);
        }

        private static HeadwaterException ErrorOf(
            Dictionary<string, object> error, Func<string, string, HeadwaterException> errors)
        {
            error.TryGetValue("code", out var code);
            error.TryGetValue("message", out var message);
            return errors(code as string ?? Codes.Internal, message as string ?? "the library says no more");
        }

        private static unsafe void CheckError(
            int error, byte* answer, UIntPtr length, Func<string, string, HeadwaterException> errors)
        {
            if (error != 0)
            {
                Answer(error, answer, length, errors);
            }
        }

        /// <summary>Takes an answer over, and gives its bytes back.</summary>
        private static unsafe Dictionary<string, object> Answer(
            int error, byte* answer, UIntPtr length, Func<string, string, HeadwaterException> errors)
        {
            Dictionary<string, object> given;
            try
            {
                given = answer == null ? new Dictionary<string, object>() : CborReader.Read(answer, (long)length);
            }
            finally
            {
                Native.headwater_free(answer, length);
            }
            Given(given, errors);
            return error == 0 ? given : throw errors(Codes.NameOf(error), "the library says no more");
        }

        private static Dictionary<string, object> Given(
            Dictionary<string, object> answer, Func<string, string, HeadwaterException> errors)
        {
            return answer.TryGetValue("error", out var error)
                ? throw ErrorOf((Dictionary<string, object>)error, errors) : answer;
        }

        /// <summary>A request's bytes, in the thread's buffer.</summary>
        private struct Bytes : IDisposable
        {
            private readonly CborWriter writer;

            internal Bytes(Message request, Func<string, string, HeadwaterException> errors)
            {
                writer = CborWriter.Take();
                try
                {
                    writer.Write(request);
                }
                catch (HeadwaterException error)
                {
                    writer.GiveBack();
                    throw errors(error.Code, error.Message);
                }
            }

            internal byte[] Data => writer.Buffer;

            internal UIntPtr Length => (UIntPtr)(uint)writer.Length;

            public void Dispose()
            {
                writer.GiveBack();
            }
        }

        /// <summary>A call whose answer is still to come.</summary>
        private sealed class PendingCall : IReceiver
        {
            private readonly TaskCompletionSource<byte[]> source =
                new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);

            internal Task<byte[]> Answer => source.Task;

            public void Receive(byte[] message)
            {
                source.TrySetResult(message);
            }

            public void End()
            {
                source.TrySetException(new HeadwaterException(Codes.Closed, "the peer is closed"));
            }
        }
    }
}
