package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.Timings;
import io.m3j.llm.generate.Transcript;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;

/** A list of requests through one {@link Batch}: each joins, in order, when there is room. */
final class BatchRun {

    private final List<PreparedRequest> requests = new ArrayList<>();
    private final List<Batch.Member> members = new ArrayList<>(); // of the first requests

    /**
     * @param model that answers
     * @param requests to be answered
     * @throws M3Exception naming the first that cannot be
     */
    BatchRun(M3Model model, List<Request> requests) {
        for (Request request : requests) {
            String which = "request " + this.requests.size() + " of " + requests.size();
            try {
                this.requests.add(model.prepare(request));
            } catch (M3Exception e) {
                throw new M3Exception(which + ": " + e.getMessage(), e);
            }
        }
    }

    /**
     * @param batch that is empty
     * @return the answers, in the order of the requests
     */
    List<Answer> in(Batch batch) {
        run(batch, true, member -> {});
        List<Answer> answers = new ArrayList<>();
        for (Batch.Member member : members) {
            batch.cancel(member); // without effect on those that have ended
            answers.add(member.answer());
        }
        while (answers.size() < requests.size()) {
            answers.add(notBegun(requests.get(answers.size())));
        }
        return answers;
    }

    /**
     * @param batch that is empty
     * @return for each request, the logits of each position of its answer
     * @throws CancellationException if the thread was interrupted before all had ended
     */
    List<List<float[]>> logits(Batch batch) {
        run(batch, false, Batch.Member::keepLogits);
        if (members.size() < requests.size() || batch.size() > 0) {
            throw new CancellationException("interrupted before all requests were answered");
        }
        return members.stream().map(Batch.Member::logits).toList();
    }

    private void run(Batch batch, boolean keptImages, Consumer<Batch.Member> onJoin) {
        requests.forEach(batch::admits); // refuses what can never join before anything runs
        while (!Thread.currentThread().isInterrupted()
                && (members.size() < requests.size() || batch.size() > 0)) {
            while (members.size() < requests.size() && batch.admits(requests.get(members.size()))) {
                Batch.Member member = batch.join(requests.get(members.size()), keptImages);
                onJoin.accept(member);
                members.add(member);
            }
            batch.step();
            members.forEach(
                    member ->
                            member.failure()
                                    .ifPresent(
                                            failure -> {
                                                throw failure;
                                            }));
        }
    }

    private static Answer notBegun(PreparedRequest request) {
        Transcript empty = request.transcript();
        empty.finish(FinishReason.CANCELLED);
        return request.answer(
                empty, encode -> new Timings(encode, Duration.ZERO, Duration.ZERO, 0));
    }
}
