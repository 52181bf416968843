# The programs of the lab that run inside a cluster: the model of Longhorn, and of the ERP. Any other
# pod of this image simply waits.
ARG PYTHON
FROM ${PYTHON}
COPY lab-requirements.txt /kb/
RUN python3 -m pip install --no-cache-dir --require-hashes --only-binary :all: \
    --target /kb/lib --requirement /kb/lab-requirements.txt
ENV PYTHONPATH=/kb/lib
COPY *.py /kb/models/
CMD ["python3", "-c", "import signal as s; s.pthread_sigmask(s.SIG_BLOCK, {s.SIGTERM}); s.sigwait({s.SIGTERM})"]
