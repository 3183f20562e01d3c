package org.crac;

/** What has to do something before a snapshot is taken, and after it goes on: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-java.html. */
public interface Resource {
    void beforeCheckpoint(Context<? extends Resource> context) throws Exception;

    void afterRestore(Context<? extends Resource> context) throws Exception;
}
