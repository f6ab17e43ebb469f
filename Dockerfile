FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /portal

COPY requirements.txt ./
RUN pip install --no-deps --require-hashes -r requirements.txt

COPY manage.py ./
COPY portal portal
COPY connector connector
COPY openapi.yaml ./

RUN useradd --system --uid 10001 portal && mkdir var && chown portal var
USER portal
EXPOSE 8000

# One image, three roles: migrate once, then any number of web and of worker.
ENTRYPOINT ["python", "manage.py"]
CMD ["web", "--bind", "0.0.0.0:8000"]
