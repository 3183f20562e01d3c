package org.crac;

/** Resources have failed; each failure is a suppressed exception. */
public class CheckpointException extends Exception {
    public CheckpointException() {}

    public CheckpointException(String message) {
        super(message);
    }
}
