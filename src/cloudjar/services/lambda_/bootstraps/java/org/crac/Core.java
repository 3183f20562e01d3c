package org.crac;

import java.util.ArrayList;
import java.util.List;

/** The interface of CRaC (https://github.com/CRaC/org.crac) to the runtime that functions run in. */
public final class Core {
    private static final Global GLOBAL = new Global();

    private Core() {}

    public static Context<Resource> getGlobalContext() {
        return GLOBAL;
    }

    /** Lambda alone takes snapshots. */
    public static void checkpointRestore() throws CheckpointException, RestoreException {
        throw new UnsupportedOperationException("A snapshot is taken when a version is published.");
    }

    private static final class Global extends Context<Resource> {
        private final List<Resource> resources = new ArrayList<>();

        @Override
        public synchronized void register(Resource resource) {
            resources.add(resource);
        }

        private synchronized List<Resource> registered() {
            return new ArrayList<>(resources);
        }

        /** The last registered is the first asked. */
        @Override
        public void beforeCheckpoint(Context<? extends Resource> context) throws CheckpointException {
            CheckpointException failed = null;
            List<Resource> all = registered();
            for (int at = all.size() - 1; at >= 0; at--) {
                try {
                    all.get(at).beforeCheckpoint(this);
                } catch (Exception problem) {
                    if (failed == null) failed = new CheckpointException(problem.toString());
                    failed.addSuppressed(problem);
                }
            }
            if (failed != null) throw failed;
        }

        @Override
        public void afterRestore(Context<? extends Resource> context) throws RestoreException {
            RestoreException failed = null;
            for (Resource resource : registered()) {
                try {
                    resource.afterRestore(this);
                } catch (Exception problem) {
                    if (failed == null) failed = new RestoreException(problem.toString());
                    failed.addSuppressed(problem);
                }
            }
            if (failed != null) throw failed;
        }
    }
}
