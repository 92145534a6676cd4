// What a write came to.

using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>A write. It is durable here.</summary>
    public class Written
    {
        private readonly Port port;

        internal Written(Port port, List<object> ids, long? sequence)
        {
            this.port = port;
            Ids = ids;
            Sequence = sequence;
        }

        /// <summary>The documents that were written.</summary>
        public IReadOnlyList<object> Ids { get; }

        /// <summary>The document's id: of an upsert there is always one; null if nothing was written.</summary>
        public object Id => Ids.Count > 0 ? Ids[0] : null;

        /// <summary>The number of its transaction here; null if there was nothing to do.</summary>
        public long? Sequence { get; }

        /// <summary>
        /// Waits until the server has it, for ever if no time is given: the id of its transaction there, as in
        /// `X-DITTO-TXN-ID` and in the event. null if there was nothing to do.
        /// </summary>
        /// <exception cref="HeadwaterException">rejected, timed_out, closed</exception>
        public async Task<long?> CommittedAsync(TimeSpan? timeout = null)
        {
            return Sequence == null ? null : await VerdictAsync(port, "committed", Sequence, timeout).ConfigureAwait(false);
        }

        internal static async Task<Written> CallAsync(Port port, Message request)
        {
            var answer = await port.CallAsync(request).ConfigureAwait(false);
            return new Written(port, Answers.Ids(answer), Answers.Integer(answer, "sequence"));
        }

        /// <summary>Waits for the server's word.</summary>
        internal static async Task<long?> VerdictAsync(Port port, string call, long? sequence, TimeSpan? timeout)
        {
            var request = Message.Call(call).With("timeout_ms", timeout == null ? null : (object)Milliseconds(timeout.Value));
            if (sequence != null)
            {
                request.Add("sequence", sequence);
            }
            return Answers.Integer(await port.CallAsync(request).ConfigureAwait(false), "txn");
        }

        private static long Milliseconds(TimeSpan time)
        {
            return Math.Max(0, (long)Math.Ceiling(time.TotalMilliseconds));
        }
    }

    /// <summary>What a statement came to.</summary>
    public sealed class Executed : Written
    {
        internal Executed(Port port, Dictionary<string, object> answer)
            : base(port, (List<object>)answer["mutated"], Answers.Integer(answer, "sequence"))
        {
            Items = Answers.Documents(answer, "items");
        }

        /// <summary>The rows of a SELECT, or what RETURNING says.</summary>
        public List<Dictionary<string, object>> Items { get; }

        /// <summary>The documents that were written or evicted.</summary>
        public IReadOnlyList<object> MutatedDocumentIds => Ids;
    }
}
