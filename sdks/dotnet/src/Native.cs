// The seven functions of libheadwater, and the two functions of ours that it calls.
//
// Invariants: no exception leaves a function that the library calls; a context is a GCHandle, freed by the one `drop`
// that each context gets; the two delegates are static, so that they live as long as any context.
// Not here: what messages say (Cbor*.cs), who waits for which (Port.cs).

using System;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Threading;

namespace Headwater
{
    /// <summary>Marks functions that native code calls, for compilers that work ahead of time.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class MonoPInvokeCallbackAttribute : Attribute
    {
        public MonoPInvokeCallbackAttribute(Type type)
        {
            Type = type;
        }

        public Type Type { get; }
    }

    /// <summary>Who gets what the library tells. Both run on a thread of the library, and return soon.</summary>
    internal interface IReceiver
    {
        /// <summary>An answer or an event; the bytes are the receiver's.</summary>
        void Receive(byte[] message);

        /// <summary>Nothing more comes.</summary>
        void End();
    }

    internal static unsafe class Native
    {
        private const string Library = "headwater";

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void Callback(IntPtr context, byte* message, UIntPtr length);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void DropContext(IntPtr context);

        /// <summary>What the library calls with each answer and event.</summary>
        internal static readonly Callback OnMessage = Tell;

        /// <summary>What it calls when a context is not used any more.</summary>
        internal static readonly DropContext OnDrop = Drop;

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int headwater_open(
            byte* config, UIntPtr configLength, ulong* peer, byte** answer, UIntPtr* answerLength);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int headwater_call(
            ulong peer, byte* request, UIntPtr requestLength, byte** answer, UIntPtr* answerLength);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int headwater_call_async(
            ulong peer, byte* request, UIntPtr requestLength, Callback onAnswer, DropContext drop, IntPtr context);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int headwater_subscribe(
            ulong peer, byte* request, UIntPtr requestLength, Callback onEvent, DropContext drop, IntPtr context,
            ulong* watch, byte** answer, UIntPtr* answerLength);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int headwater_unsubscribe(ulong peer, ulong watch);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int headwater_close(ulong peer);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int headwater_free(byte* data, UIntPtr length);

        /// <summary>Looks for the library and all its functions.</summary>
        /// <exception cref="HeadwaterException">unsupported: it is not there, or not this one.</exception>
        internal static void CheckLibrary()
        {
            const string where = "libheadwater.so (headwater.dll, libheadwater.dylib) is looked for where the system looks "
                + "for libraries: LD_LIBRARY_PATH, or beside the program";
            try
            {
                const BindingFlags functions = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
                foreach (var function in typeof(Native).GetMethods(functions))
                {
                    if ((function.Attributes & MethodAttributes.PinvokeImpl) != 0)
                    {
                        Marshal.Prelink(function);
                    }
                }
            }
            catch (Exception error) when (error is DllNotFoundException || error is BadImageFormatException)
            {
                throw new HeadwaterException(Codes.Unsupported, "there is no library: " + where, error);
            }
            catch (EntryPointNotFoundException error)
            {
                var message = "the library is another one, without " + error.Message + "; " + where;
                throw new HeadwaterException(Codes.Unsupported, message, error);
            }
        }

        /// <summary>A context that keeps a receiver until it is dropped.</summary>
        internal static IntPtr Context(IReceiver receiver)
        {
            return GCHandle.ToIntPtr(GCHandle.Alloc(receiver));
        }

        [MonoPInvokeCallback(typeof(Callback))]
        private static void Tell(IntPtr context, byte* message, UIntPtr length)
        {
            try
            {
                var bytes = new byte[checked((int)length)];
                if (bytes.Length > 0)
                {
                    Marshal.Copy((IntPtr)message, bytes, 0, bytes.Length);
                }
                ((IReceiver)GCHandle.FromIntPtr(context).Target).Receive(bytes);
            }
            catch (ThreadAbortException)
            {
                Thread.ResetAbort(); // the runtime ends: it would leave this function otherwise
            }
            catch (Exception error)
            {
                Callbacks.Report(error);
            }
        }

        [MonoPInvokeCallback(typeof(DropContext))]
        private static void Drop(IntPtr context)
        {
            try
            {
                var handle = GCHandle.FromIntPtr(context);
                var receiver = (IReceiver)handle.Target;
                handle.Free();
                receiver.End();
            }
            catch (ThreadAbortException)
            {
                Thread.ResetAbort(); // the runtime ends: it would leave this function otherwise
            }
            catch (Exception error)
            {
                Callbacks.Report(error);
            }
        }
    }
}
